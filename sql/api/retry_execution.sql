-- Runs an ended execution again from what it keeps.
-- payload: {execution_id, gen, keep: [path]}; gen is the one that keep was chosen from
-- answers: the execution, and due: the doorbells to ring
-- raises: 404 execution_not_found, 409 still_running, already_succeeded, not_retryable, gen_changed
create function api.retry_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_retried   jsonb;
begin
  v_retried := plane.retry_execution(v_execution.id, array(select jsonb_array_elements_text(payload -> 'keep')));
  if (v_retried ->> 'gen')::int <> (payload ->> 'gen')::int + 1 then
    perform plane.raise_error(409, 'gen_changed', format('Execution %s was retried by somebody else meanwhile.', v_execution.id),
      'Read it, then decide again.');
  end if;
  perform plane.record_audit('retry_execution', 'executions', v_execution.id::text,
    jsonb_build_object('gen', v_retried -> 'gen', 'kept', jsonb_array_length(payload -> 'keep'), 'from', payload -> 'from'),
    jsonb_build_object('status', v_execution.status, 'gen', v_execution.gen), jsonb_build_object('status', 'running', 'gen', v_retried -> 'gen'));
  return plane.execution_json(plane.find_execution(v_execution.id::text), true)
    || jsonb_build_object('due', v_retried -> 'due');
end;
$$;

insert into gateway.verbs values ('retry_execution', 'executions:write', false);
