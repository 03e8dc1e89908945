-- Opens waits of a frame, in order; what they start below, and what people are asked, is created here. Answers the doorbells.
--
-- p_open: [{token, kind, path, name, match, deadline_ms | deadline_at, data, child, shards, handoff}]
-- A frame that was asked to stop opens nothing: the wait is closed as cancelled at once.
-- The caller holds the frame and, for events, the topics. Raises 409 token_taken.
create function plane._open_waits(p_frame plane.frames, p_open jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_open        jsonb;
  v_deadline    timestamptz;
  v_is_answered boolean;
  v_due         jsonb := '[]';
  v_wait        plane.waits;
begin
  for v_open in select value from jsonb_array_elements(p_open) loop
    v_deadline := coalesce(
      (v_open ->> 'deadline_at')::timestamptz,
      plane.clock() + (v_open ->> 'deadline_ms')::numeric * interval '1 millisecond');
    insert into plane.waits (execution_id, token, frame, org_id, gen, kind, path, name, match, data, deadline, pending)
    values (
      p_frame.execution_id, v_open ->> 'token', p_frame.frame, p_frame.org_id, p_frame.gen, v_open ->> 'kind', v_open ->> 'path',
      coalesce(v_open ->> 'name', v_open ->> 'path'), nullif(v_open -> 'match', 'null'),
      coalesce(nullif(v_open -> 'data', 'null'), '{}'), v_deadline,
      case v_open ->> 'kind' when 'child' then 1 when 'shards' then jsonb_array_length(v_open -> 'shards') end)
    on conflict do nothing
    returning * into v_wait;
    if not found then
      perform plane.raise_error(409, 'token_taken', format('There is a wait %s already.', v_open ->> 'token'), 'Take a new token.');
    end if;
    perform plane._record_event(p_frame.org_id, p_frame.execution_id, 'wait.opened', v_open ->> 'path', jsonb_build_object(
      'kind', v_open -> 'kind', 'token', v_open -> 'token', 'name', v_open -> 'name', 'deadline', plane.time_text(v_deadline)));
    if v_wait.kind in ('approval', 'budget', 'unknown') then
      perform plane._open_escalation_of(v_wait);
    end if;

    v_is_answered := false;
    if p_frame.cancel_requested then
      v_is_answered := plane._answer_wait(p_frame.execution_id, v_open ->> 'token', 'cancelled', null);
      update plane.waits set pending = 0 where execution_id = p_frame.execution_id and token = v_open ->> 'token' and pending > 0;
    elsif v_open ->> 'kind' = 'event' then
      v_is_answered := plane._take_signal(p_frame, v_open ->> 'token', v_open ->> 'name', v_open -> 'match')
        or plane._take_decision(v_wait);
    elsif v_open ->> 'kind' = 'child' then
      v_due := v_due || plane._open_child(p_frame, v_open);
    elsif v_open ->> 'kind' = 'shards' then
      v_due := v_due || plane._open_shards(p_frame, v_open);
    elsif v_open ->> 'kind' = 'handoff' then
      v_due := v_due || plane._open_handoff(p_frame, v_open);
    end if;

    update plane.frames
    set has_answers = has_answers or v_is_answered, wait_deadline = least(wait_deadline, v_deadline)
    where execution_id = p_frame.execution_id and frame = p_frame.frame;
  end loop;
  return v_due;
end;
$$;
