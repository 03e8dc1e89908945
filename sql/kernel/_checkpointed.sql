-- The answer to a frame's last checkpoint, for the first and for every repeated call.
-- A repeated call lists every answered wait that has no record, because the first answer may have been lost.
create function plane._checkpointed(p_frame plane.frames, p_is_repeated boolean)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_step   constant jsonb := p_frame.last_checkpoint;
  v_status constant text := v_step ->> 'status';
begin
  return jsonb_build_object(
    'ok', true,
    'seq', p_frame.seq,
    'status', v_status,
    'cancel', plane._cancel_cause(p_frame),
    'over_budget', plane._over_budget(p_frame),
    'answered', case
      when v_status = 'running' and (p_is_repeated or (v_step ->> 'is_told')::boolean) then plane._list_waits(p_frame, true)
      else '[]'
    end,
    'conflicts', v_step -> 'conflicts',
    'due_in_ms', case when v_status = 'waiting' then plane._ms_until((v_step ->> 'due_at')::timestamptz) end,
    'due', v_step -> 'due',
    'adopted', case when v_step ? 'adopted_ref' then plane._adopted(p_frame, v_step ->> 'adopted_ref') end,
    'draining', coalesce((v_step ->> 'draining')::int, 0));
end;
$$;
