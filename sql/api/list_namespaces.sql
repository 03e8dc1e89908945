-- The namespaces of the organisation, by name, with how many memories each has.
-- payload: {prefix?, limit, cursor: {name} | null} · answers: {data: [{namespace, memories, embedded, newest_at}], next}
create function api.list_namespaces(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select m.namespace, count(*) as memories, count(m.embedding) as embedded, max(m.updated_at) as newest_at
    from plane.memories as m
    where m.org_id = (select plane.caller_org())
      and (m.expires_at is null or m.expires_at > plane.clock())
      and starts_with(m.namespace, coalesce(payload ->> 'prefix', ''))
      and (payload -> 'cursor' ->> 'name' is null or m.namespace > payload -> 'cursor' ->> 'name')
    group by m.namespace
    order by m.namespace
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select p.* from page as p order by p.namespace limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(to_jsonb(s) order by s.namespace), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then jsonb_build_object('name', max(s.namespace)) end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_namespaces', 'memory:read', true);
