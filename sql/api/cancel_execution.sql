-- Asks an execution to stop, with everything below it. One that is cancelled already stays so.
-- payload: {execution_id}
-- answers: the execution, and due: the doorbells to ring
-- raises: 404 execution_not_found, 409 already_ended
create function api.cancel_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_cancelled jsonb;
begin
  if v_execution.status <> 'cancelled' then
    perform plane.require_running(v_execution);
    v_cancelled := plane.cancel_execution(v_execution.id);
    if v_execution.cancel_requested_at is null then
      perform plane.record_audit('cancel_execution', 'executions', v_execution.id::text, '{}',
        jsonb_build_object('status', v_execution.status, 'cancel_requested_at', null),
        jsonb_build_object('status', 'running', 'cancel_requested_at', plane.clock()));
    end if;
  end if;
  return plane.execution_json(plane.find_execution(v_execution.id::text), true)
    || jsonb_build_object('due', coalesce(v_cancelled -> 'due', '[]'));
end;
$$;

insert into gateway.verbs values ('cancel_execution', 'executions:write', false);
