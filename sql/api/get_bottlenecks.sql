-- Where the time goes: the steps that took longest together, over one execution or all of a time.
-- payload: {execution_id?, workflow?, from?, to?, limit}; the last 30 days when neither execution nor from is given
-- answers: {from, to, data: [{workflow, step, kind, runs, failed, attempts, p50_ms, p95_ms, max_ms, total_ms, share}], waiting: [the same]}
-- data holds steps that worked, waiting those that waited for people, time, events and other executions; share is of its own list.
-- raises: 404 execution_not_found, workflow_not_found
-- uses: checkpoints_recent, or the primary key for one execution
create function api.get_bottlenecks(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- one execution and many need different plans
as $$
declare
  v_org       constant uuid := plane.caller_org();
  v_limit     constant int := (payload ->> 'limit')::int;
  v_to        constant timestamptz := coalesce((payload ->> 'to')::timestamptz, plane.clock());
  v_from      constant timestamptz := coalesce((payload ->> 'from')::timestamptz, v_to - interval '30 days');
  v_execution uuid;
  v_workflow  uuid;
begin
  if payload ->> 'execution_id' is not null then
    v_execution := (plane.find_execution(payload ->> 'execution_id')).id;
  end if;
  if payload ->> 'workflow' is not null then
    v_workflow := (select (f.workflow).id from plane.find_version(jsonb_build_object('name', payload ->> 'workflow')) as f);
  end if;
  return (
    with ended as (
      select e.workflow_id, regexp_replace(c.path, '\[\d+\]', '', 'g') as step, c.kind, c.status, c.attempts,
        case when c.duration_ms > 0 then c.duration_ms else plane.step_duration(c) end as duration_ms,
        c.kind in ('approval', 'wait', 'workflow', 'handoff') as has_waited
      from plane.checkpoints as c
      join plane.executions as e on e.id = c.execution_id
      where c.org_id = v_org
        and (v_execution is null or c.execution_id = v_execution)
        and (v_execution is not null or (c.ended_at >= v_from and c.ended_at < v_to))
        and (v_workflow is null or e.workflow_id = v_workflow)
        and not c.is_carried
        and c.status in ('succeeded', 'failed')
        and c.kind not in ('group', 'item', 'round', 'for_each', 'loop')
    ),
    grouped as (
      select w.name as workflow, d.step, min(d.kind) as kind, d.has_waited, count(*) as runs,
        count(*) filter (where d.status = 'failed') as failed, sum(d.attempts) as attempts,
        percentile_cont(0.5) within group (order by d.duration_ms) as p50_ms,
        percentile_cont(0.95) within group (order by d.duration_ms) as p95_ms,
        max(d.duration_ms) as max_ms, sum(d.duration_ms) as total_ms
      from ended as d
      join plane.workflows as w on w.id = d.workflow_id
      group by w.name, d.step, d.has_waited
    ),
    ranked as (
      select g.*, row_number() over slowest as place,
        g.total_ms / nullif(sum(g.total_ms) over (partition by g.has_waited), 0) as share
      from grouped as g
      window slowest as (partition by g.has_waited order by g.total_ms desc, g.workflow, g.step)
    ),
    shown as (
      select r.has_waited, jsonb_agg(jsonb_build_object(
        'workflow', r.workflow, 'step', r.step, 'kind', r.kind, 'runs', r.runs, 'failed', r.failed, 'attempts', r.attempts,
        'p50_ms', round(r.p50_ms::numeric, 1), 'p95_ms', round(r.p95_ms::numeric, 1), 'max_ms', r.max_ms,
        'total_ms', r.total_ms, 'share', round(r.share, 4)) order by r.place) as steps
      from ranked as r
      where r.place <= v_limit
      group by r.has_waited
    )
    select jsonb_build_object(
      'from', case when v_execution is null then v_from end,
      'to', case when v_execution is null then v_to end,
      'data', coalesce((select s.steps from shown as s where not s.has_waited), '[]'),
      'waiting', coalesce((select s.steps from shown as s where s.has_waited), '[]'))
  );
end;
$$;

insert into gateway.verbs values ('get_bottlenecks', 'observe:read', true);
