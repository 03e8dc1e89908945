-- What somebody has said about an agent: its public JSON without what time alone changes. Two of them are equal iff nothing was changed.
-- called by: note_agent_change
create function plane.agent_said(p_agent plane.agents)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return plane.agent_json(p_agent) - '{health,lease_until,last_seen_at,updated_at}'::text[];
end;
$$;
