-- Takes a write that names an agent as its sign of life, at most every five seconds, without ever waiting for a lock.
-- called by: verbs with an agent_id · raises: 422 unknown_agent
create function plane.note_agent(p_agent_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_agent_id is null then
    return;
  end if;
  perform plane.require_agent(p_agent_id, '/agent_id');
  update plane.agents
  set last_seen_at = plane.clock()
  where id = (
    select id
    from plane.agents
    where id = p_agent_id and deleted_at is null and last_seen_at < plane.clock() - interval '5 seconds'
    for no key update skip locked
  );
end;
$$;
