-- Ends executions: status, output, error, what they cost with their children, and an event each. The caller holds their root frames.
--
-- p_finishes: {status, output, error} for each. A total cost is null when any part of it is not known.
create function plane._end_executions(p_execution_ids uuid[], p_finishes jsonb[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan -- planning it for each array takes longer than doing it
as $$
declare
  v_now constant timestamptz := plane.clock();
begin
  with ended as (
    update plane.executions as e
    set
      status = finish ->> 'status',
      output = nullif(finish -> 'output', 'null'),
      error = nullif(finish -> 'error', 'null'),
      ended_at = v_now,
      cost_usd = case when not (own.is_unknown or children.is_unknown) then own.cost + children.cost end,
      known_cost_usd = own.cost + children.cost
    from unnest(p_execution_ids, p_finishes) as f (execution_id, finish)
    cross join lateral (
      select coalesce(sum(c.cost_usd), 0) as cost, coalesce(bool_or(c.is_cost_unknown), false) as is_unknown
      from plane.checkpoints as c
      where c.execution_id = f.execution_id and not c.is_carried
    ) as own
    cross join lateral (
      select coalesce(sum(c.known_cost_usd), 0) as cost, coalesce(bool_or(c.cost_usd is null), false) as is_unknown
      from plane.executions as c
      where c.parent_execution_id = f.execution_id
    ) as children
    where e.id = f.execution_id and e.status = 'running'
    returning e.*
  )
  insert into plane.events (org_id, execution_id, at, type, data)
  select org_id, id, v_now, 'execution.' || status,
    jsonb_strip_nulls(jsonb_build_object('code', error -> 'code', 'message', error -> 'message', 'gen', gen))
  from ended;
end;
$$;
