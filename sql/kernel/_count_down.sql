-- Tells the parent that a shard or child has ended: counts its wait down, returns what is left of the slice, answers the wait
-- when it was the last or when it failed, and then adopts the parent (if it waits in the same queue) or makes it ready.
--
-- Answers {due, adopted_ref}: with adopted_ref the parent is held by p_frame's owner now.
-- Locks: the parent frame, then the wait. The caller holds p_frame, and its siblings when it failed.
create function plane._count_down(p_frame plane.frames, p_finish jsonb, p_lease_seconds numeric)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref     constant text := format('adopt:%s/%s/%s', p_frame.execution_id, p_frame.frame, p_frame.epoch);
  v_failed  constant boolean := p_finish ->> 'status' <> 'succeeded';
  v_parent  plane.frames;
  v_wait    plane.waits;
  v_is_news boolean := false;
  v_due     jsonb := '[]';
begin
  select * into v_parent
  from plane.frames
  where execution_id = p_frame.parent_execution_id and frame = p_frame.parent_frame and status <> 'done'
  for no key update;
  if not found then
    return jsonb_build_object('due', v_due);
  end if;

  update plane.frames
  set budget_usd = budget_usd + coalesce(p_frame.budget_usd - p_frame.spent_usd, 0)
  where execution_id = v_parent.execution_id and frame = v_parent.frame;
  update plane.waits
  set pending = pending - 1
  where execution_id = v_parent.execution_id and token = p_frame.parent_token and pending > 0
  returning * into v_wait;
  if v_wait.answered_at is null and (v_wait.pending = 0 or v_failed) then
    v_is_news := plane._answer_wait(
      v_parent.execution_id, p_frame.parent_token,
      case when v_failed then 'failed' else 'answered' end,
      case when v_failed then p_finish -> 'error' when v_wait.kind = 'child' then p_finish -> 'output' end);
  end if;
  if v_failed and v_wait.kind = 'shards' then
    select coalesce(jsonb_agg(bell), '[]') into v_due
    from jsonb_array_elements(plane._cancel_below(v_parent, array[p_frame.parent_token])) as bell
    where (bell ->> 'execution_id')::uuid <> p_frame.execution_id or bell ->> 'frame' <> p_frame.frame;
  end if;

  -- A draining parent closed its waits; it wants to know when the last one below has gone.
  if not v_is_news and (v_parent.cancel_grace_until is null or exists (
    select from plane._below(v_parent.root_execution_id, v_parent.execution_id, v_parent.frame) as b
    where (b.execution_id, b.frame) <> (p_frame.execution_id, p_frame.frame))
  ) then
    return jsonb_build_object('due', v_due);
  end if;
  if v_parent.status = 'waiting' and v_parent.queue = p_frame.queue then
    perform plane._hold(v_parent, v_ref, p_frame.owner, p_lease_seconds);
    return jsonb_build_object('due', v_due, 'adopted_ref', v_ref);
  end if;
  return jsonb_build_object('due', v_due || plane._wake(v_parent.execution_id, v_parent.frame));
end;
$$;
