-- What an execution cost with its children: known is the sum of what is known; total is null when anything is not.
create function plane._ended_cost(p_execution_id uuid, out total numeric, out known numeric)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with own as (
    select coalesce(sum(cost_usd), 0) as cost, coalesce(bool_or(is_cost_unknown), false) as is_unknown
    from plane.checkpoints
    where execution_id = p_execution_id and not is_carried
  ), children as (
    select coalesce(sum(known_cost_usd), 0) as cost, coalesce(bool_or(cost_usd is null), false) as is_unknown
    from plane.executions
    where parent_execution_id = p_execution_id
  )
  select
    case when own.is_unknown or children.is_unknown then null else own.cost + children.cost end,
    own.cost + children.cost
  from own, children;
$$;
