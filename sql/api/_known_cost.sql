-- What is known of the cost of an execution that has not ended: of its steps, and of its ended children.
create function plane.known_cost(p_execution plane.executions)
returns numeric
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select (coalesce((
    select sum(c.cost_usd) from plane.checkpoints as c where c.execution_id = p_execution.id and not c.is_carried
  ), 0) + coalesce((
    select sum(e.known_cost_usd)
    from plane.executions as e
    where e.root_execution_id = p_execution.root_execution_id and e.parent_execution_id = p_execution.id
  ), 0))::numeric(18, 9);
$$;
