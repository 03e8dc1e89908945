-- Deletes an agent softly: what names it keeps its id, its name is free again. Told in the feed and in the audit.
-- payload: {id} · answers: {id} · locks: the agent · raises: 404 agent_not_found
create function api.delete_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before plane.agents := plane.find_agent((payload ->> 'id')::uuid, null);
  v_agent  plane.agents;
begin
  update plane.agents
  set deleted_at = plane.clock(), updated_at = plane.clock()
  where id = v_before.id and deleted_at is null
  returning * into v_agent;
  if found then
    perform plane.note_agent_change(v_before, v_agent);
  end if;
  return jsonb_build_object('id', v_before.id);
end;
$$;

insert into gateway.verbs values ('delete_agent', 'agents:write', false);
