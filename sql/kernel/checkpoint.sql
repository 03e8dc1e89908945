-- Writes what happened in a frame since its last checkpoint, and says what comes next. One statement, at most one commit.
--
-- p: {execution_id, frame, epoch, seq, records, in_flight, open, close, next: running | ready | waiting | done, finish, lease_seconds}
--    seq is the last one + 1; the same seq again gets the same answer
-- Answers {ok, seq, status, cancel, over_budget, answered, conflicts, due_in_ms, due, adopted, draining}, or {ok: false, reason: stale}.
-- Locks: topics, deeper frames, the frame, its parent, waits. What is read about waits is read after the frame's lock, in
-- statements of their own: a wait that was answered until then is in this answer, later ones wake the frame.
create function plane.checkpoint(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant uuid := (p ->> 'execution_id')::uuid;
  v_name      constant text := coalesce(p ->> 'frame', '');
  v_seq       constant bigint := (p ->> 'seq')::bigint;
  v_has_waits constant boolean := coalesce(jsonb_array_length(p -> 'open') > 0 or jsonb_array_length(p -> 'close') > 0, false);
  v_frame     plane.frames;
  v_written   record;
  v_step      jsonb;
begin
  perform plane._check_isolation();
  if p ->> 'next' = 'done' or v_has_waits then
    perform plane._lock_for_checkpoint(p, v_execution, v_name);
  end if;

  select * into v_frame from plane.frames where execution_id = v_execution and frame = v_name for no key update;
  if v_frame.epoch = (p ->> 'epoch')::bigint and v_frame.seq = v_seq and v_frame.last_checkpoint is not null then
    return plane._checkpointed(v_frame, true);
  end if;
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) or v_seq is distinct from v_frame.seq + 1 then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  select * into v_written from plane._record_steps(v_frame, v_seq, coalesce(p -> 'records', '[]'));
  v_frame.spent_usd := v_frame.spent_usd + v_written.cost;
  if coalesce(p ->> 'next', 'running') = 'running' and not v_has_waits and not v_frame.has_answers
    and coalesce(v_frame.wait_deadline > plane.clock(), true)
  then
    v_step := jsonb_build_object('status', 'running', 'due', '[]'::jsonb, 'conflicts', v_written.conflicts);
  else
    v_step := plane._move_on(v_frame, p) || jsonb_build_object('conflicts', v_written.conflicts);
  end if;
  v_frame := plane._write_frame(v_frame, p, v_step, v_written.written);
  return plane._checkpointed(v_frame, false);
end;
$$;

alter function plane.checkpoint(jsonb) owner to plane_kernel;
