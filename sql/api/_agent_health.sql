-- How an agent is doing, from its lease alone.
-- active  has no lease (serverless: never lost), or was seen within it
-- late    was last seen more than one lease ago · lost: more than three
-- called by: agent_json, list_agents, match_agents, note_agent_health
create function plane.agent_health(p_lease_seconds int, p_last_seen_at timestamptz)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_lease_seconds is null or plane.clock() < p_last_seen_at + make_interval(secs => p_lease_seconds) then 'active'
    when plane.clock() < p_last_seen_at + make_interval(secs => 3 * p_lease_seconds) then 'late'
    else 'lost'
  end;
end;
$$;
