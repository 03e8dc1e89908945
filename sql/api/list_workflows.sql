-- A page of workflows, the last changed first, each as its newest version without the definition.
-- payload: {limit, cursor: {at, id} | null}
-- answers: {data, next}
-- uses: workflows_recent
create function api.list_workflows(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select w
    from plane.workflows as w
    where w.org_id = (select plane.caller_org())
      and w.latest > 0
      and (
        payload -> 'cursor' ->> 'id' is null
        or (w.updated_at, w.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by w.updated_at desc, w.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.w).updated_at as at, (p.w).id as id,
      plane.version_json(p.w, v, false) || jsonb_build_object('updated_at', (p.w).updated_at) as row
    from page as p
    join plane.workflow_versions as v on v.workflow_id = (p.w).id and v.version = (p.w).latest
    order by (p.w).updated_at desc, (p.w).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end
  )
  from shown as s;
$$;

insert into gateway.verbs values ('list_workflows', 'workflows:read', true);
