-- A page of a workflow's versions, the newest first, without their definitions.
-- payload: {name, limit, cursor: {version} | null}
-- answers: {data, next}
-- raises: 404 workflow_not_found
-- uses: workflow_versions_recent
create function api.list_workflow_versions(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with named as (
    select f.workflow from plane.find_version(jsonb_build_object('name', payload ->> 'name')) as f
  ),
  page as (
    select v, n.workflow, row_number() over (order by v.version desc) as place
    from named as n
    join plane.workflow_versions as v
      on v.org_id = (n.workflow).org_id and v.workflow_id = (n.workflow).id
    where v.version < coalesce((payload -> 'cursor' ->> 'version')::int, 2147483647)
    order by v.version desc
    limit (payload ->> 'limit')::int + 1
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(plane.version_json(p.workflow, p.v, false) order by (p.v).version desc)
      filter (where p.place <= (payload ->> 'limit')::int), '[]'),
    'next', case when count(*) > (payload ->> 'limit')::int
      then jsonb_build_object('version', min((p.v).version) filter (where p.place <= (payload ->> 'limit')::int)) end
  )
  from page as p;
$$;

insert into gateway.verbs values ('list_workflow_versions', 'workflows:read', true);
