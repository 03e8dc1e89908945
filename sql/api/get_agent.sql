-- One agent.
-- payload: {id} · answers: the agent · raises: 404 agent_not_found
create function api.get_agent(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.agent_json(plane.find_agent((payload ->> 'id')::uuid, null));
$$;

insert into gateway.verbs values ('get_agent', 'agents:read', true);
