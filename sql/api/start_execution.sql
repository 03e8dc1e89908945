-- Starts an execution of a version.
-- payload: {version_id, input, mode, agent_id?, executed_with_model?, restarted_from?}
-- answers: the execution, and due: the doorbells to ring
-- raises: 404 version_not_found, 422 not_runnable, unknown_agent
create function api.start_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_started jsonb;
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  v_started := plane.start_execution(payload);
  perform plane.record_audit(case when payload ->> 'restarted_from' is null then 'start_execution' else 'restart_execution' end,
    'executions', v_started ->> 'execution_id', jsonb_strip_nulls(jsonb_build_object('version_id', payload -> 'version_id',
    'agent_id', payload -> 'agent_id', 'restarted_from', payload -> 'restarted_from')));
  return plane.execution_json(plane.find_execution(v_started ->> 'execution_id'), true)
    || jsonb_build_object('due', v_started -> 'due');
end;
$$;

insert into gateway.verbs values ('start_execution', 'executions:write', false);
