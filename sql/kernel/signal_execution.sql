-- Answers the oldest open wait of that name in one of the caller's executions, or queues the signal until one opens.
--
-- p_name: the path of an approval or of an unknown step, the name of an event, or budget
-- p_payload: approval {outcome, form?} · unknown {outcome, output?} · budget {outcome, form: {usd}} · event: anything
-- Answers {status: answered | voted | queued, token, outcome, due: [doorbell]}. Called by api.signal_execution.
-- Locks: the signal's topic, the frame, the wait.
-- Raises 403 missing_scope · 404 · 409 not_waiting, wait_closed · 410 execution_ended · 422 invalid_outcome, reserved_event.
create function plane.signal_execution(p_execution_id uuid, p_name text, p_payload jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane._require_execution(p_execution_id);
  v_wait      plane.waits;
  v_answer    jsonb;
begin
  perform plane._check_isolation();
  perform plane._refuse_own_event(p_name);
  if v_execution.status <> 'running' then
    perform plane.raise_error(410, 'execution_ended', format('The execution has ended: %s.', v_execution.status),
      'Start or retry one.');
  end if;
  if p_name = 'budget' and plane._has_open_budget(p_execution_id) then
    return plane._decide_budget(v_execution, p_payload);
  end if;

  perform plane._lock_topics(array[p_execution_id || '/' || p_name]);
  loop
    select * into v_wait
    from plane.waits as w
    where w.execution_id = p_execution_id and w.name = p_name and w.answered_at is null
      and (w.kind in ('approval', 'unknown') or (w.kind = 'event' and plane._has_equal(p_payload, w.match)))
    order by w.opened_at, w.token
    limit 1;
    exit when not found;
    v_answer := plane._signal_wait(v_wait, p_payload);
    -- Null: somebody else closed it meanwhile; then the next one is meant.
    if v_answer is not null then
      return v_answer;
    end if;
  end loop;
  return plane._queue_signal(v_execution, p_name, p_payload);
end;
$$;

alter function plane.signal_execution(uuid, text, jsonb) owner to plane_kernel;
