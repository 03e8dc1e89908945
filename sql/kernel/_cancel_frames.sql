-- Asks frames to stop: flags them, closes their open waits and wakes those that wait. Answers the doorbells, also of
-- running ones: a dispatcher that runs one itself lets it look at once.
--
-- What the caller did not lock beforehand and others hold is left out: it is flagged when its parent drains.
create function plane._cancel_frames(p_execution_ids uuid[], p_frames text[])
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
  v_due   jsonb := '[]';
begin
  for v_frame in
    select f.*
    from unnest(p_execution_ids, p_frames) as k (execution_id, frame)
    join plane.frames as f using (execution_id, frame)
    where f.status <> 'done' and not f.cancel_requested
    order by f.depth desc, f.execution_id, f.frame
    for no key update of f skip locked
  loop
    perform plane._close_waits_of(v_frame.execution_id, v_frame.frame);
    update plane.frames
    set
      cancel_requested = true,
      status = case when status = 'waiting' then 'ready' else status end,
      due_at = case when status = 'waiting' then plane.clock() + interval '2 seconds' else due_at end
    where execution_id = v_frame.execution_id and frame = v_frame.frame;
    v_due := v_due || plane._doorbell(v_frame);
    if v_frame.frame = '' then
      update plane.executions
      set cancel_requested_at = coalesce(cancel_requested_at, plane.clock())
      where id = v_frame.execution_id;
    end if;
  end loop;
  return v_due;
end;
$$;
