-- A page of erasures, the latest first.
-- payload: {limit, cursor: {at, id} | null} · answers: {data, next} · uses: erasures_recent
create function api.list_erasures(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select e
    from plane.erasures as e
    where e.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (e.requested_at, e.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by e.requested_at desc, e.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.e).requested_at as at, (p.e).id as id, plane.erasure_json(p.e) as row
    from page as p
    order by (p.e).requested_at desc, (p.e).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_erasures', 'data:manage', true);
