-- Executions with their latest events, and figures over all that match, not only over those shown.
-- payload: {execution_id?, workflow_id?, agent_id?, limit, include_costs}; figures cover the last 30 days
-- answers: {executions: [{…, audit_trail: [{at, type, path, data}]}], stats, query}
-- raises: 404 execution_not_found
create function api.observe_executions(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- each set of filters has its own index
as $$
declare
  v_org       constant uuid := plane.caller_org();
  v_workflow  constant uuid := (payload ->> 'workflow_id')::uuid;
  v_agent     constant uuid := (payload ->> 'agent_id')::uuid;
  v_since     constant timestamptz := plane.clock() - interval '30 days';
  v_execution uuid;
begin
  if payload ->> 'execution_id' is not null then
    v_execution := (plane.find_execution(payload ->> 'execution_id')).id;
  end if;
  return (
    with matching as (
      select e
      from plane.executions as e
      where e.org_id = v_org
        and (v_execution is null or e.id = v_execution)
        and (v_execution is not null or e.created_at >= v_since)
        and (v_workflow is null or e.workflow_id = v_workflow or e.version_id = v_workflow)
        and (v_agent is null or e.agent_id = v_agent)
    ),
    shown as (
      select m.e from matching as m order by (m.e).created_at desc, (m.e).id desc limit (payload ->> 'limit')::int
    )
    select jsonb_build_object(
      'executions', coalesce((
        select jsonb_agg(plane.execution_json(s.e, false) || jsonb_build_object('audit_trail', coalesce((
          select jsonb_agg(jsonb_build_object('at', v.at, 'type', v.type, 'path', v.path, 'data', v.data) order by v.xid, v.feed_id)
          from (
            select * from plane.events as x
            where x.org_id = v_org and x.execution_id = (s.e).id
            order by x.xid desc, x.feed_id desc
            limit 100
          ) as v
        ), '[]')) order by (s.e).created_at desc, (s.e).id desc)
        from shown as s
      ), '[]'),
      'stats', (
        select jsonb_build_object(
          'total', count(*),
          'running', count(*) filter (where (m.e).status = 'running'),
          'succeeded', count(*) filter (where (m.e).status = 'succeeded'),
          'failed', count(*) filter (where (m.e).status in ('failed', 'timed_out')),
          'cancelled', count(*) filter (where (m.e).status = 'cancelled'),
          'average_duration_seconds', round(avg(extract(epoch from (m.e).ended_at - (m.e).created_at)), 3)
        ) || case when (payload ->> 'include_costs')::boolean then jsonb_build_object(
          'known_cost_usd', coalesce(sum((m.e).known_cost_usd), 0)::numeric(18, 9)::text,
          'unknown_costs', count(*) filter (where (m.e).status <> 'running' and (m.e).cost_usd is null)
        ) else '{}' end
        from matching as m
      ),
      'query', payload)
  );
end;
$$;

insert into gateway.verbs values ('observe_executions', 'observe:read', true);
