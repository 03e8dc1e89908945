-- Closes and opens a frame's waits and decides what the frame becomes: {status, due_at?, due, draining?, adopted_ref?, is_told}.
--
-- p: the checkpoint. Somebody who wants to park stays running when there is news: an answer that no owner was told of, or a
-- reason to stop. The caller holds the frame; p_frame.spent_usd is ahead of the table.
create function plane._move_on(p_frame plane.frames, p jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_next  constant text := coalesce(p ->> 'next', 'running');
  v_lease constant numeric := coalesce((p ->> 'lease_seconds')::numeric, 30);
  v_frame plane.frames := p_frame;
  v_due   jsonb := '[]';
begin
  if jsonb_array_length(p -> 'close') > 0 or jsonb_array_length(p -> 'open') > 0 or v_frame.wait_deadline <= plane.clock() then
    update plane.frames set spent_usd = p_frame.spent_usd where execution_id = p_frame.execution_id and frame = p_frame.frame;
    if jsonb_array_length(p -> 'close') > 0 then
      v_due := plane._close_waits(v_frame, p -> 'close');
    end if;
    if jsonb_array_length(p -> 'open') > 0 then
      v_due := v_due || plane._open_waits(v_frame, p -> 'open');
    end if;
    select * into v_frame from plane.frames where execution_id = p_frame.execution_id and frame = p_frame.frame;
    if v_frame.wait_deadline <= plane.clock() then
      perform plane._close_due(v_frame.execution_id, v_frame.frame);
      select * into v_frame from plane.frames where execution_id = p_frame.execution_id and frame = p_frame.frame;
    end if;
  end if;

  if v_next = 'done' then
    return jsonb_build_object('due_at', plane.clock() + interval '1 second') || plane._finish(v_frame, p -> 'finish', v_lease);
  end if;
  if v_next = 'waiting' and not v_frame.has_answers and plane._cancel_cause(v_frame) is null then
    return jsonb_build_object('status', 'waiting', 'due_at', plane._due_when_parked(v_frame), 'due', v_due);
  end if;
  if v_next = 'ready' then
    return jsonb_build_object('status', 'ready', 'due', v_due || plane._doorbell(v_frame));
  end if;
  return jsonb_build_object('status', 'running', 'due', v_due, 'is_told', v_frame.has_answers);
end;
$$;
