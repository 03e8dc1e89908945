-- Counts the events of transactions from the meter's xid up to another: started executions, hand-offs, and what external executions
-- reported at their end beyond the cost of their steps.
create function plane._meter_events(p_meter plane.meters, p_to xid8)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_used jsonb;
begin
  with happened as materialized (
    select (v.at at time zone 'UTC')::date as day, v.type, v.execution_id
    from plane.events as v
    where v.org_id = p_meter.org_id and v.feed_id >= p_meter.floor_feed and v.xid >= p_meter.xid and v.xid < p_to
      and v.type in ('execution.started', 'handoff.created', 'execution.succeeded', 'execution.failed', 'execution.cancelled')
  ), reported as materialized (
    select h.day, e.workflow_id, coalesce(e.agent_id, '00000000-0000-0000-0000-000000000000') as agent_id,
      sum(greatest(e.known_cost_usd - own.cost, 0)) as cost_usd,
      count(*) filter (where e.known_cost_usd > own.cost or e.cost_usd is null and not own.is_unknown) as calls,
      count(*) filter (where e.cost_usd is null and not own.is_unknown) as unknown_calls
    from happened as h
    join plane.executions as e on e.id = h.execution_id and e.mode = 'external' and e.known_cost_usd is not null
    cross join lateral (
      select coalesce(sum(c.cost_usd), 0) as cost, coalesce(bool_or(c.is_cost_unknown), false) as is_unknown
      from plane.checkpoints as c
      where c.execution_id = e.id and not c.is_carried
    ) as own
    where h.type not in ('execution.started', 'handoff.created')
    group by 1, 2, 3
  ), spent as (
    insert into plane.spent_days as s (org_id, day, workflow_id, agent_id, cost_usd, calls, unknown_calls)
    select p_meter.org_id, day, workflow_id, agent_id, cost_usd, calls, unknown_calls from reported where calls > 0
    on conflict (org_id, day, workflow_id, agent_id) do update
    set cost_usd = s.cost_usd + excluded.cost_usd, calls = s.calls + excluded.calls, unknown_calls = s.unknown_calls + excluded.unknown_calls
  )
  select jsonb_agg(jsonb_build_object('day', t.day, 'metric', t.metric, 'value', t.value)) into v_used
  from (
    select day, case type when 'execution.started' then 'executions' else 'handoffs' end as metric, count(*)::numeric as value
    from happened
    where type in ('execution.started', 'handoff.created')
    group by day, type
    union all
    select r.day, v.metric, v.value
    from reported as r
    cross join lateral (values ('cost_usd', r.cost_usd), ('unknown_costs', r.unknown_calls)) as v (metric, value)
    where v.value > 0
  ) as t;
  perform plane._count_usage(p_meter.org_id, v_used);
end;
$$;
