-- Locks one of the caller's external executions: its agent's reports take effect one after the other.
-- Raises 404 execution_not_found · 409 not_external.
create function plane._hold_external(p_execution_id uuid)
returns plane.executions
language plpgsql
set search_path = ''
as $$
declare
  v_execution plane.executions := plane._require_execution(p_execution_id);
begin
  if v_execution.mode <> 'external' then
    perform plane.raise_error(409, 'not_external', format('Execution %s is run by the engine, which reports it itself.', v_execution.id),
      'Only executions of mode external are reported. This one can be cancelled, signalled, retried and restarted.',
      jsonb_build_object('next', jsonb_build_array(
        jsonb_build_object('why', 'see where it stands', 'method', 'GET', 'path', format('/api/executions/%s', v_execution.id)),
        jsonb_build_object('why', 'cancel it', 'method', 'POST', 'path', format('/api/executions/%s/cancel', v_execution.id)))));
  end if;
  select * into v_execution from plane.executions where id = v_execution.id for update;
  return v_execution;
end;
$$;
