-- Refuses an execution that has ended.
-- raises: 409 already_ended
create function plane.require_running(p_execution plane.executions)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_execution.status = 'running' then
    return;
  end if;
  perform plane.raise_error(409, 'already_ended', format('Execution %s is %s already.', p_execution.id, p_execution.status),
    'It has ended for good. Restart it: that starts another one with the same input.',
    jsonb_build_object('status_now', p_execution.status, 'next', jsonb_build_array(
      jsonb_build_object('why', 'start another one', 'method', 'POST', 'path', format('/api/executions/%s/restart', p_execution.id)))));
end;
$$;
