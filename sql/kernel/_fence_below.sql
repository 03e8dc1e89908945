-- Ends what still lives below a frame after its grace: their owners are refused from now on. Answers how many are left.
-- What others hold right now is left for the next second.
create function plane._fence_below(p_frame plane.frames)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
  v_left  int;
begin
  for v_frame in
    select f.*
    from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame) as b
    join plane.frames as f using (execution_id, frame)
    order by f.depth desc, f.execution_id, f.frame
    for no key update of f skip locked
  loop
    perform plane._close_waits_of(v_frame.execution_id, v_frame.frame);
    update plane.frames
    set epoch = epoch + 1, status = 'done', due_at = plane.clock() + interval '10 minutes', claim_ref = null, owner = null
    where execution_id = v_frame.execution_id and frame = v_frame.frame;
    update plane.waits
    set pending = pending - 1
    where execution_id = v_frame.parent_execution_id and token = v_frame.parent_token and pending > 0;
    if v_frame.frame = '' then
      perform plane._end_executions(array[v_frame.execution_id], array[jsonb
        '{"status": "cancelled", "error": {"code": "cancelled", "message": "It did not stop within the grace and was cut off."}}']);
    end if;
  end loop;

  select count(*) into v_left from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame);
  return v_left;
end;
$$;
