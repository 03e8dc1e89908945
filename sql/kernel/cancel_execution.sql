-- Asks one of the caller's executions to stop, with all that lives below it. Again, also once it is cancelled: the same answer.
--
-- Answers {status, due: [doorbell]}. Called by api.cancel_execution. It ends when its owner has stopped; an external one at once.
-- Locks: its frames and those of its children, deepest first, then their waits; an external one: its row.
-- Raises 404 · 409 already_ended.
create function plane.cancel_execution(p_execution_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions := plane._require_execution(p_execution_id);
  v_due       jsonb;
begin
  perform plane._check_isolation();
  if v_execution.mode = 'engine' then
    perform plane._lock_below(v_execution.root_execution_id, p_execution_id, '');
    perform from plane.frames where execution_id = p_execution_id and frame = '' for no key update;
    select * into v_execution from plane.executions where id = p_execution_id;
  else
    select * into v_execution from plane.executions where id = p_execution_id for no key update;
  end if;
  if v_execution.status = 'cancelled' then
    return jsonb_build_object('status', 'cancelled', 'due', '[]'::jsonb);
  elsif v_execution.status <> 'running' then
    perform plane.raise_error(409, 'already_ended', format('The execution is %s already.', v_execution.status), 'Read it to see how.');
  end if;

  if v_execution.mode = 'external' then
    perform plane._end_executions(array[p_execution_id], array[jsonb '{"status": "cancelled", "error": {"code": "cancelled", "message": "It was cancelled."}}']);
    return jsonb_build_object('status', 'cancelled', 'due', '[]'::jsonb);
  end if;
  if v_execution.cancel_requested_at is null then
    perform plane._record_event(v_execution.org_id, p_execution_id, 'cancel.requested', null,
      jsonb_build_object('by', plane.caller_id()));
  end if;
  select plane._cancel_frames(array_agg(k.execution_id), array_agg(k.frame)) into v_due
  from (
    select p_execution_id as execution_id, '' as frame
    union all
    select b.execution_id, b.frame from plane._below(v_execution.root_execution_id, p_execution_id, '') as b
  ) as k;
  return jsonb_build_object('status', 'running', 'due', v_due);
end;
$$;

alter function plane.cancel_execution(uuid) owner to plane_kernel;
