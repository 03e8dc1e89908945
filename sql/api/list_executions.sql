-- A page of executions, the newest first.
-- payload: {limit, cursor: {at, id} | null, workflow?, workflow_id?, status?, agent_id?}
-- workflow_id takes a version's id too. status takes the refined ones: queued, running, waiting.
-- answers: {data, next}
-- uses: executions_recent, executions_by_workflow, executions_by_agent, executions_by_status
create function api.list_executions(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- each set of filters has its own index
as $$
declare
  v_org      constant uuid := plane.caller_org();
  v_limit    constant int := (payload ->> 'limit')::int;
  v_at       constant timestamptz := coalesce((payload -> 'cursor' ->> 'at')::timestamptz, 'infinity');
  v_id       constant uuid := coalesce((payload -> 'cursor' ->> 'id')::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_agent    constant uuid := (payload ->> 'agent_id')::uuid;
  v_status   constant text := payload ->> 'status';
  v_stored   constant text := case when v_status in ('queued', 'running', 'waiting') then 'running' else v_status end;
  v_wanted   constant uuid := (payload ->> 'workflow_id')::uuid;
  v_workflow uuid;
  v_version  uuid;
  v_page     plane.executions[];
begin
  if v_wanted is not null or payload ->> 'workflow' is not null then
    select w.id into v_workflow from plane.workflows as w
    where w.org_id = v_org and (w.id = v_wanted or v_wanted is null) and w.name = coalesce(payload ->> 'workflow', w.name);
    if v_workflow is null and v_wanted is not null then
      select v.workflow_id, v.id into v_workflow, v_version from plane.workflow_versions as v
      join plane.workflows as w on w.id = v.workflow_id
      where v.org_id = v_org and v.id = v_wanted and w.name = coalesce(payload ->> 'workflow', w.name);
    end if;
    if v_workflow is null then
      return jsonb_build_object('data', '[]'::jsonb, 'next', null);
    end if;
  end if;

  select array_agg(e order by e.created_at desc, e.id desc) into v_page
  from (
    select x.*
    from plane.executions as x
    where x.org_id = v_org
      and (v_workflow is null or x.workflow_id = v_workflow)
      and (v_version is null or x.version_id = v_version)
      and (v_agent is null or x.agent_id = v_agent)
      and (v_stored is null or x.status = v_stored)
      and (v_stored is distinct from 'running' or plane.execution_status(x) = v_status)
      and (x.created_at, x.id) < (v_at, v_id)
    order by x.created_at desc, x.id desc
    limit v_limit + 1
  ) as e;

  return jsonb_build_object(
    'data', coalesce((
      select jsonb_agg(plane.execution_json(v_page[i], false) order by i)
      from generate_series(1, least(v_limit, coalesce(cardinality(v_page), 0))) as i
    ), '[]'),
    'next', case when cardinality(v_page) > v_limit
      then jsonb_build_object('at', v_page[v_limit].created_at, 'id', v_page[v_limit].id) end
  );
end;
$$;

insert into gateway.verbs values ('list_executions', 'executions:read', true);
