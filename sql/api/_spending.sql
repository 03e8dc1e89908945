-- What cost something in a time, one row a call: ended steps that called a model or name a price, and what external executions
-- reported at their end beyond their steps. is_cost_unknown: its price is not known, which is not the same as 0.
-- uses: checkpoints_recent, executions_reported_cost
create function plane.spending(p_from timestamptz, p_to timestamptz)
returns table (
  execution_id uuid, path text, model text, provider text, input_tokens bigint, output_tokens bigint,
  cost_usd numeric, is_cost_unknown boolean
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c.execution_id, c.path, c.model, c.provider, c.input_tokens, c.output_tokens, c.cost_usd, c.is_cost_unknown
  from plane.checkpoints as c
  where c.org_id = (select plane.caller_org()) and c.ended_at >= p_from and c.ended_at < p_to and not c.is_carried
    and (c.model is not null or c.cost_usd is not null or c.is_cost_unknown)
  union all
  select e.id, null, e.executed_with_model, null, null, null, e.known_cost_usd - coalesce(s.cost_usd, 0), false
  from plane.executions as e
  left join lateral (
    select sum(c.cost_usd) as cost_usd from plane.checkpoints as c where c.execution_id = e.id and not c.is_carried
  ) as s on true
  where e.org_id = (select plane.caller_org()) and e.mode = 'external' and e.known_cost_usd is not null
    and e.ended_at >= p_from and e.ended_at < p_to
    and e.known_cost_usd > coalesce(s.cost_usd, 0);
$$;
