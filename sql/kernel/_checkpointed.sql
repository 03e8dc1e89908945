-- The answer to a frame's last checkpoint, for the first and for every repeated call.
-- A repeated call lists every answered wait that has no record, because the first answer may have been lost.
create function plane._checkpointed(p_frame plane.frames, p_is_repeated boolean)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'ok', true,
    'seq', p_frame.seq,
    'status', step -> 'status',
    'cancel', plane._cancel_cause(p_frame),
    'over_budget', plane._over_budget(p_frame),
    'answered', case
      when step ->> 'status' = 'running' and (p_is_repeated or (step ->> 'is_told')::boolean) then plane._list_waits(p_frame, true)
      else '[]'
    end,
    'conflicts', step -> 'conflicts',
    'due_in_ms', case when step ->> 'status' = 'waiting' then plane._ms_until((step ->> 'due_at')::timestamptz) end,
    'due', step -> 'due',
    'adopted', case when step ? 'adopted_ref' then plane._adopted(p_frame, step ->> 'adopted_ref') end,
    'draining', coalesce((step ->> 'draining')::int, 0))
  from (select p_frame.last_checkpoint as step) as last;
$$;
