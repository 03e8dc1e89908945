-- Ends an execution: status, output, error, what it cost, and the event. The caller holds its root frame.
create function plane._end_execution(p_execution_id uuid, p_status text, p_output jsonb, p_error jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions;
begin
  update plane.executions
  set (status, output, error, ended_at, cost_usd, known_cost_usd) = (
    select p_status, p_output, p_error, plane.clock(), c.total, c.known from plane._ended_cost(p_execution_id) as c)
  where id = p_execution_id and status = 'running'
  returning * into v_execution;
  if found then
    perform plane._record_event(v_execution.org_id, p_execution_id, 'execution.' || p_status, null,
      jsonb_build_object('code', p_error -> 'code', 'message', p_error -> 'message', 'gen', v_execution.gen));
  end if;
end;
$$;
