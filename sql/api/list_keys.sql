-- A page of the organisation's keys, the newest first, also revoked and expired ones.
-- payload: {limit, cursor: {at, id} | null} · answers: {data, next} · uses: api_keys_recent
create function api.list_keys(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select k
    from plane.api_keys as k
    where k.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (k.created_at, k.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by k.created_at desc, k.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.k).created_at as at, (p.k).id as id, plane.key_json(p.k) as row
    from page as p
    order by (p.k).created_at desc, (p.k).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_keys', 'keys:manage', true);
