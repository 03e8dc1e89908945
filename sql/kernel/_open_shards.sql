-- Creates the shards of a for_each: frames of the same execution, each with its part of the list and a slice of the budget.
-- p_open: {token, shards: [{frame, path, from, to, max_parallel}]} · Answers the doorbells. The caller holds the frame.
create function plane._open_shards(p_frame plane.frames, p_open jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slice numeric := plane._take_slice(p_frame.execution_id, p_frame.frame, jsonb_array_length(p_open -> 'shards'));
  v_due   jsonb;
begin
  with created as (
    insert into plane.frames (
      execution_id, frame, org_id, root_execution_id, depth, queue, epoch, due_at, gen, budget_usd, deadline_at,
      parent_execution_id, parent_frame, parent_token, shard)
    select
      p_frame.execution_id, s ->> 'frame', p_frame.org_id, p_frame.root_execution_id, p_frame.depth + 1, p_frame.queue,
      p_frame.gen::bigint << 32, plane.clock() + interval '2 seconds', p_frame.gen, v_slice, p_frame.deadline_at,
      p_frame.execution_id, p_frame.frame, p_open ->> 'token', s - 'frame'
    from jsonb_array_elements(p_open -> 'shards') as s
    order by s ->> 'frame'
    returning frames.*
  )
  select coalesce(jsonb_agg(plane._doorbell(created)), '[]') into v_due from created;
  return v_due;
end;
$$;
