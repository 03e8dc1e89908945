-- Says that an owner is alive, and tells it what changed. Only reads, unless the lease runs short or a wait is due.
--
-- p: {execution_id, frame, epoch, lease_seconds, in_flight?} · answers {ok, cancel, over_budget, answered, lease_ms}
-- Does not bump seq, and what it tells is told again by the next checkpoint.
-- Locks: the frame, when it writes.
create function plane.extend_lease(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant uuid := (p ->> 'execution_id')::uuid;
  v_name      constant text := coalesce(p ->> 'frame', '');
  v_epoch     constant bigint := (p ->> 'epoch')::bigint;
  v_lease     constant numeric := coalesce((p ->> 'lease_seconds')::numeric, 30);
  v_frame     plane.frames;
begin
  perform plane._check_isolation();
  select * into v_frame from plane.frames where execution_id = v_execution and frame = v_name;
  if v_frame.status = 'ready'
    or v_frame.due_at <= plane.clock() + v_lease * interval '1 second' / 3
    or v_frame.wait_deadline <= plane.clock()
    or v_frame.in_flight <> p -> 'in_flight'
  then
    select * into v_frame from plane.frames where execution_id = v_execution and frame = v_name for no key update;
    if plane._is_held(v_frame, v_epoch) then
      v_frame := plane._extend(v_frame, v_lease, p -> 'in_flight');
    end if;
  end if;
  if not plane._is_held(v_frame, v_epoch) then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  return jsonb_build_object(
    'ok', true,
    'cancel', plane._cancel_cause(v_frame),
    'over_budget', plane._over_budget(v_frame),
    'answered', case when v_frame.has_answers then plane._list_waits(v_frame, true) else '[]' end,
    'lease_ms', plane._ms_until(v_frame.due_at));
end;
$$;

alter function plane.extend_lease(jsonb) owner to plane_kernel;
