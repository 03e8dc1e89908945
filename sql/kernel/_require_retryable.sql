-- Raises 409 still_running, already_succeeded, payloads_dropped or not_retryable unless an execution can be retried.
create function plane._require_retryable(p_execution plane.executions)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_execution.mode = 'external' then
    perform plane.raise_error(409, 'not_retryable', 'An external execution is not run by the plane.', 'Start a new one.');
  elsif p_execution.status = 'running' then
    perform plane.raise_error(409, 'still_running', 'The execution has not ended.', 'Wait for its end, or cancel it first.');
  elsif p_execution.status = 'succeeded' then
    perform plane.raise_error(409, 'already_succeeded', 'The execution has succeeded.', 'Start a new one.');
  elsif p_execution.payloads_dropped_at is not null then
    perform plane.raise_error(409, 'payloads_dropped', 'What the execution was given and gave is gone, as your organisation has set it.',
      'Start a new one with its input.');
  end if;
end;
$$;
