-- The caller's agent of this id or, when that is null, of this name.
-- called by: every verb about one agent · raises: 404 agent_not_found
create function plane.find_agent(p_id uuid, p_name text)
returns plane.agents
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent plane.agents;
begin
  select * into v_agent
  from plane.agents
  where org_id = plane.caller_org() and deleted_at is null
    and (id = p_id or (p_id is null and name = p_name));
  if not found then
    perform plane.raise_error(404, 'agent_not_found', format('There is no agent %s.', coalesce(p_id::text, p_name)),
      'List the agents, or register it.',
      '{"next": [{"why": "list the agents", "method": "GET", "path": "/api/agents"}]}');
  end if;
  return v_agent;
end;
$$;
