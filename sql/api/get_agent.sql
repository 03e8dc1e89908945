-- One agent, with its skills in one shape and what became of its work.
-- payload: {id? | name?: which one} · answers: the agent, skills, record, open_work · raises: 404 agent_not_found
create function api.get_agent(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent constant plane.agents := plane.find_agent((payload ->> 'id')::uuid, payload ->> 'name');
begin
  return plane.agent_json(v_agent) || jsonb_build_object(
    'skills', plane.agent_skills(v_agent.capabilities),
    'record', (select plane.record_json(r) from plane.agent_records as r where r.org_id = v_agent.org_id and r.agent_id = v_agent.id),
    'open_work', plane.open_work(v_agent.id));
end;
$$;

insert into gateway.verbs values ('get_agent', 'agents:read', true);
