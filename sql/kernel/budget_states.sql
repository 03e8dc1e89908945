-- How the budgets of an organisation stand now.
--
-- Answers [{id, scope: organisation | workflow | agent, workflow_id, agent_id, period, period_start, resets_at, limit_usd (with what it
-- was raised by), raised_usd, spent_usd, unknown_calls, on_reached: stop | ask, is_reached, escalation_id, warn_at}]. on_reached is stop, too,
-- when a person was asked and said so. spent_usd is of known prices; unknown_calls were not free.
-- Called by the guard before paid steps, by plane.watch_budgets and, in their own organisation, by tenants.
create function plane.budget_states(p_org uuid)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := plane.clock();
begin
  if not exists (select from plane.budgets where org_id = p_org) then
    return '[]';
  end if;
  return (
    with spent as materialized (
      select * from plane._spent_since(p_org, plane._period_start('month', v_now))
    ),
    states as (
      select b, plane._period_start(b.period, v_now) as start,
        b.limit_usd + case when b.raised_on = plane._period_start(b.period, v_now) then b.raised_usd else 0 end as limit_usd
      from plane.budgets as b
      where b.org_id = p_org
    )
    select jsonb_agg(jsonb_build_object(
      'id', (s.b).id, 'scope', (s.b).scope, 'workflow_id', (s.b).workflow_id, 'agent_id', (s.b).agent_id,
      'period', (s.b).period, 'period_start', s.start,
      'resets_at', plane.time_text((s.start + ('1 ' || (s.b).period)::interval) at time zone 'UTC'),
      'limit_usd', s.limit_usd, 'raised_usd', s.limit_usd - (s.b).limit_usd,
      'spent_usd', t.spent_usd, 'unknown_calls', t.unknown_calls, 'warn_at', (s.b).warn_at,
      'on_reached', case when (s.b).stopped_on = s.start then 'stop' else (s.b).on_reached end,
      'is_reached', t.spent_usd >= s.limit_usd,
      'escalation_id', case when (s.b).reached_on = s.start then (s.b).escalation_id end) order by (s.b).created_at, (s.b).id)
    from states as s
    cross join lateral (
      select coalesce(sum(p.cost_usd), 0)::numeric(18, 9) as spent_usd, coalesce(sum(p.unknown_calls), 0) as unknown_calls
      from spent as p
      where p.day >= s.start
        and case (s.b).scope when 'workflow' then p.workflow_id = (s.b).workflow_id when 'agent' then p.agent_id = (s.b).agent_id else true end
    ) as t
  );
end;
$$;
