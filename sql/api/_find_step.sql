-- The record of an ended step in the latest gen of an execution; null when it has not ended.
create function plane.find_step(p_execution plane.executions, p_path text)
returns plane.checkpoints
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c from plane.checkpoints as c
  where c.execution_id = p_execution.id and c.gen = p_execution.gen and c.path = p_path;
$$;
