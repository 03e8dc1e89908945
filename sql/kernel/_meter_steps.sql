-- Counts the ended steps of transactions from the meter's xid up to another: how many, what they used and what they cost.
create function plane._meter_steps(p_meter plane.meters, p_to xid8)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_used jsonb;
begin
  with steps as materialized (
    select (c.ended_at at time zone 'UTC')::date as day, e.workflow_id,
      coalesce(e.agent_id, '00000000-0000-0000-0000-000000000000') as agent_id,
      count(*) as steps,
      count(*) filter (where c.model is not null) as model_calls,
      count(*) filter (where c.model is not null or c.cost_usd is not null or c.is_cost_unknown) as calls,
      coalesce(sum(c.input_tokens), 0) as input_tokens,
      coalesce(sum(c.output_tokens), 0) as output_tokens,
      coalesce(sum(c.cost_usd), 0) as cost_usd,
      count(*) filter (where c.is_cost_unknown) as unknown_calls
    from plane.checkpoints as c
    join plane.executions as e on e.id = c.execution_id
    where c.org_id = p_meter.org_id and c.ended_at >= p_meter.floor_at and c.xid >= p_meter.xid and c.xid < p_to and not c.is_carried
      and c.kind not in ('round', 'item')
    group by 1, 2, 3
  ), spent as (
    insert into plane.spent_days as s (org_id, day, workflow_id, agent_id, cost_usd, calls, unknown_calls)
    select p_meter.org_id, day, workflow_id, agent_id, cost_usd, calls, unknown_calls from steps where calls > 0
    on conflict (org_id, day, workflow_id, agent_id) do update
    set cost_usd = s.cost_usd + excluded.cost_usd, calls = s.calls + excluded.calls, unknown_calls = s.unknown_calls + excluded.unknown_calls
  )
  select jsonb_agg(jsonb_build_object('day', t.day, 'metric', v.metric, 'value', v.value)) into v_used
  from (
    select day, sum(steps) as steps, sum(model_calls) as model_calls, sum(input_tokens) as input_tokens,
      sum(output_tokens) as output_tokens, sum(cost_usd) as cost_usd, sum(unknown_calls) as unknown_calls
    from steps group by day
  ) as t
  cross join lateral (values
    ('steps', t.steps), ('model_calls', t.model_calls), ('input_tokens', t.input_tokens), ('output_tokens', t.output_tokens),
    ('cost_usd', t.cost_usd), ('unknown_costs', t.unknown_calls)) as v (metric, value)
  where v.value > 0;
  perform plane._count_usage(p_meter.org_id, v_used);
end;
$$;
