-- Whether an execution, or a child of it, waits for more money.
create function plane._has_open_budget(p_execution_id uuid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from plane._budget_waits(p_execution_id));
$$;
