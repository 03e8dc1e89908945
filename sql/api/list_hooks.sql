-- A page of hooks, the newest first.
-- payload: {limit, cursor: {at, id} | null} · answers: {data, next}
create function api.list_hooks(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select h
    from plane.hooks as h
    where h.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (h.created_at, h.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by h.created_at desc, h.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.h).created_at as at, (p.h).id as id, plane.hook_json(p.h) as row
    from page as p
    order by (p.h).created_at desc, (p.h).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_hooks', 'triggers:read', true);
