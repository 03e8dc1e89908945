-- What an organisation spent since a day: what is counted already, and what was recorded since then.
-- Inside one statement, so that nothing is counted twice while plane.meter_usage moves on. uses: checkpoints_recent
create function plane._spent_since(p_org_id uuid, p_day date)
returns table (day date, workflow_id uuid, agent_id uuid, cost_usd numeric, unknown_calls bigint)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select s.day, s.workflow_id, s.agent_id, s.cost_usd, s.unknown_calls
  from plane.spent_days as s
  where s.org_id = p_org_id and s.day >= p_day
  union all
  select (c.ended_at at time zone 'UTC')::date, e.workflow_id, coalesce(e.agent_id, '00000000-0000-0000-0000-000000000000'),
    coalesce(c.cost_usd, 0), c.is_cost_unknown::int
  from plane.checkpoints as c
  join plane.executions as e on e.id = c.execution_id
  where c.org_id = p_org_id
    and c.ended_at >= greatest(p_day::timestamp at time zone 'UTC', (select m.floor_at from plane.meters as m where m.org_id = p_org_id))
    and c.xid >= coalesce((select m.xid from plane.meters as m where m.org_id = p_org_id), '0')
    and not c.is_carried and (c.cost_usd is not null or c.is_cost_unknown);
$$;
