-- The open budget waits of an execution and of every child below it.
create function plane._budget_waits(p_execution_id uuid)
returns setof plane.waits
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select w.*
  from plane.executions as e
  join plane.waits as w on w.execution_id = e.id
  where (e.id = p_execution_id or e.root_execution_id = p_execution_id)
    and w.kind = 'budget' and w.answered_at is null;
$$;
