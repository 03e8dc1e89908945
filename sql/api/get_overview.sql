-- How things stand: executions by status, today's cost, agents, what people must answer (approvals, budgets, lost
-- steps) and the latest failures.
-- payload: {hours}; running ones are counted whenever they began, ended ones when they began in the last so many hours
-- uses: executions_by_status, checkpoints_recent, waits_open_by_kind
create function api.get_overview(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org   constant uuid := plane.caller_org();
  v_now   constant timestamptz := plane.clock();
  v_since constant timestamptz := v_now - make_interval(hours => (payload ->> 'hours')::int);
  v_today constant timestamptz := date_trunc('day', v_now, 'UTC');
  v_answer jsonb := jsonb_build_object('at', v_now, 'since', v_since);
begin
  v_answer := v_answer || jsonb_build_object('executions', (
    with counted as (
      select plane.execution_status(e) as status from plane.executions as e where e.org_id = v_org and e.status = 'running'
      union all
      select e.status
      from plane.executions as e
      where e.org_id = v_org and e.status in ('succeeded', 'failed', 'cancelled', 'timed_out') and e.created_at >= v_since
    )
    select jsonb_object_agg(s.status, (select count(*) from counted as c where c.status = s.status))
    from unnest(array['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'timed_out']) as s (status)
  ));

  v_answer := v_answer || jsonb_build_object('cost_today', (
    select jsonb_build_object(
      'since', v_today,
      'cost_usd', case when not coalesce(bool_or(s.is_cost_unknown), false) then coalesce(sum(s.cost_usd), 0)::numeric(18, 9)::text end,
      'known_cost_usd', coalesce(sum(s.cost_usd), 0)::numeric(18, 9)::text,
      'unknown_calls', count(*) filter (where s.is_cost_unknown),
      'calls', count(*))
    from plane.spending(v_today, v_now) as s
  ));

  v_answer := v_answer || jsonb_build_object('agents', (
    select jsonb_build_object(
      'registered', count(*),
      'active', count(*) filter (where a.status = 'active'
        and (a.lease_seconds is null or a.last_seen_at > v_now - make_interval(secs => a.lease_seconds))))
    from plane.agents as a
    where a.org_id = v_org and a.deleted_at is null
  ));

  v_answer := v_answer || jsonb_build_object(
    'waiting_approvals', (
      select count(*) from plane.waits as w where w.org_id = v_org and w.kind in ('approval', 'budget', 'unknown') and w.answered_at is null
    ),
    'approvals', coalesce((
      select jsonb_agg(jsonb_build_object('execution_id', w.execution_id, 'kind', w.kind, 'path', w.path, 'name', w.name, 'message', w.data -> 'message',
        'opened_at', w.opened_at, 'until', w.deadline) order by w.opened_at)
      from (
        select * from plane.waits as x
        where x.org_id = v_org and x.kind in ('approval', 'budget', 'unknown') and x.answered_at is null
        order by x.opened_at
        limit 20
      ) as w
    ), '[]'));

  return v_answer || jsonb_build_object('recent_failures', coalesce((
    select jsonb_agg(jsonb_build_object('id', f.id, 'workflow', w.name, 'status', f.status, 'error', f.error,
      'created_at', f.created_at, 'ended_at', f.ended_at) order by f.created_at desc, f.id desc)
    from (
      select u.* from (
        (select * from plane.executions as e where e.org_id = v_org and e.status = 'failed'
          order by e.created_at desc, e.id desc limit 10)
        union all
        (select * from plane.executions as e where e.org_id = v_org and e.status = 'timed_out'
          order by e.created_at desc, e.id desc limit 10)
      ) as u
      order by u.created_at desc, u.id desc
      limit 10
    ) as f
    join plane.workflows as w on w.id = f.workflow_id
  ), '[]'));
end;
$$;

insert into gateway.verbs values ('get_overview', 'observe:read', true);
