-- Notes in an execution's feed what an agent saw: as an event of type observe.<event_type>.
-- payload: {execution_id, event_type, message?, metadata?, agent_id?}
-- answers: {id, execution_id, event_type, message, metadata, agent_id, at}
-- raises: 404 execution_not_found, 422 unknown_agent
create function api.record_event(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_event plane.events;
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  insert into plane.events (org_id, execution_id, type, data)
  values (v_execution.org_id, v_execution.id, 'observe.' || (payload ->> 'event_type'), jsonb_build_object(
    'message', payload -> 'message', 'metadata', coalesce(nullif(payload -> 'metadata', 'null'), '{}'), 'agent_id', payload -> 'agent_id'))
  returning * into v_event;
  perform plane.record_audit('record_event', 'executions', v_execution.id::text, jsonb_build_object('type', v_event.type));
  return v_event.data || jsonb_build_object('id', v_event.feed_id::text, 'execution_id', v_event.execution_id,
    'event_type', payload ->> 'event_type', 'at', v_event.at);
end;
$$;

insert into gateway.verbs values ('record_event', 'observe:write', false);
