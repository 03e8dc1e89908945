-- Gives an ended execution a root frame again, for its next gen. Its epochs start above every one that was ever given out, so
-- that no zombie fits. The caller holds the execution.
create function plane._restart_frame(p_execution plane.executions)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits jsonb;
  v_queue  text;
  v_frame  plane.frames;
begin
  select document -> 'limits', queue into v_limits, v_queue from plane.workflow_versions where id = p_execution.version_id;
  delete from plane.frames where execution_id = p_execution.id;
  insert into plane.frames (
    execution_id, org_id, root_execution_id, depth, queue, epoch, due_at, gen, budget_usd, deadline_at)
  values (
    p_execution.id, p_execution.org_id, p_execution.root_execution_id, 2 * p_execution.depth, v_queue,
    (p_execution.gen + 1)::bigint << 32, plane.clock() + interval '2 seconds', p_execution.gen + 1,
    (v_limits ->> 'budget_usd')::numeric,
    plane.clock() + least(plane._read_duration(v_limits ->> 'timeout'), interval '365 days'))
  returning * into v_frame;
  return v_frame;
end;
$$;
