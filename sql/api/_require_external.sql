-- Refuses an execution that the engine runs: nobody else reports its progress.
-- raises: 409 not_external
create function plane.require_external(p_execution plane.executions)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_execution.mode = 'external' then
    return;
  end if;
  perform plane.raise_error(409, 'not_external', format('The engine runs execution %s and reports it itself.', p_execution.id),
    'Only executions of mode external are reported. This one can be cancelled, signalled, retried and restarted.',
    jsonb_build_object('next', jsonb_build_array(
      jsonb_build_object('why', 'see where it stands', 'method', 'GET', 'path', format('/api/executions/%s', p_execution.id)),
      jsonb_build_object('why', 'cancel it', 'method', 'POST', 'path', format('/api/executions/%s/cancel', p_execution.id)))));
end;
$$;
