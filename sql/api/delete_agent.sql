-- Deletes an agent softly: what names it keeps its id, its name is free again.
-- payload: {id} · answers: {id} · raises: 404 agent_not_found
create function api.delete_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent plane.agents := plane.find_agent((payload ->> 'id')::uuid, null);
begin
  update plane.agents
  set deleted_at = plane.clock(), updated_at = plane.clock()
  where id = v_agent.id;
  perform plane.record_audit('delete_agent', 'agents', v_agent.id::text, jsonb_build_object('name', v_agent.name));
  return jsonb_build_object('id', v_agent.id);
end;
$$;

insert into gateway.verbs values ('delete_agent', 'agents:write', false);
