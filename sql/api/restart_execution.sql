-- Starts another execution of the same version with the same input.
-- payload: {execution_id}
-- answers: the new execution, and due: the doorbells to ring
-- raises: 404 execution_not_found, 409 payloads_dropped
create function api.restart_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_former constant plane.executions := plane.find_execution(payload ->> 'execution_id');
begin
  if v_former.payloads_dropped_at is not null then
    perform plane.raise_error(409, 'payloads_dropped', 'What the execution was given is gone, as your organisation has set it.',
      'Start a new one with its input.');
  end if;
  return api.start_execution(jsonb_build_object(
    'version_id', v_former.version_id, 'input', v_former.input, 'mode', v_former.mode,
    'agent_id', (select a.id from plane.agents as a where a.id = v_former.agent_id),
    'executed_with_model', v_former.executed_with_model, 'restarted_from', v_former.id));
end;
$$;

insert into gateway.verbs values ('restart_execution', 'executions:write', false);
