-- Changes the given fields of an agent.
-- payload: {id? | name?: which one, changes: {name?, framework?, description?, capabilities?, endpoint?, config?, status?,
--           lease_seconds?}, is_sign_of_life?}
-- answers: the agent · locks: the agent · raises: 404 agent_not_found, 409 agent_name_taken
create function api.update_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  plane.agents := plane.find_agent((payload ->> 'id')::uuid, payload ->> 'name');
  v_agent   plane.agents;
begin
  select * into v_before from plane.agents where id = v_before.id for no key update;
  update plane.agents as a
  set
    name = coalesce(v_changes ->> 'name', a.name),
    framework = coalesce(v_changes ->> 'framework', a.framework),
    description = case when v_changes ? 'description' then v_changes ->> 'description' else a.description end,
    capabilities = coalesce(v_changes -> 'capabilities', a.capabilities),
    endpoint = case when v_changes ? 'endpoint' then v_changes ->> 'endpoint' else a.endpoint end,
    config = coalesce(v_changes -> 'config', a.config),
    status = coalesce(v_changes ->> 'status', a.status),
    lease_seconds = case
      when v_changes ? 'lease_seconds' then (v_changes ->> 'lease_seconds')::int else a.lease_seconds end,
    last_seen_at = case when (payload ->> 'is_sign_of_life')::boolean then plane.clock() else a.last_seen_at end,
    updated_at = case when v_changes = '{}' then a.updated_at else plane.clock() end
  where a.id = v_before.id
  returning * into v_agent;

  perform plane.note_agent_change(v_before, v_agent);
  return plane.agent_json(v_agent);
exception
  when unique_violation then
    perform plane.raise_error(409, 'agent_name_taken', format('Another agent is called %s.', v_changes ->> 'name'),
      'Choose another name.');
    return null;
end;
$$;

insert into gateway.verbs values ('update_agent', 'agents:write', false);
