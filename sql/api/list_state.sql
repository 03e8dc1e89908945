-- A page of a component's values that have not expired, by key in byte order; at most about 4 MB of values.
-- payload: {component, prefix? (''), limit, cursor: {key} | null}
-- answers: {data, next} · uses: state_by_prefix
create function api.list_state(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with found as (
    select s, octet_length(s.value::text) as bytes
    from plane.state as s
    where s.org_id = (select plane.caller_org())
      and s.component = payload ->> 'component'
      and (s.expires_at is null or s.expires_at > plane.clock())
      and s.key collate "C" >= coalesce(payload ->> 'prefix', '')
      and s.key collate "C" < coalesce(payload ->> 'prefix', '') || chr(1114111)
      and (payload -> 'cursor' ->> 'key' is null or s.key collate "C" > payload -> 'cursor' ->> 'key')
    order by s.key collate "C"
    limit (payload ->> 'limit')::int + 1
  ),
  page as (
    select f.s, sum(f.bytes) over following - f.bytes as bytes_before, row_number() over following as place
    from found as f
    window following as (order by (f.s).key collate "C")
  ),
  shown as (
    select p.s, p.place
    from page as p
    where p.place <= (payload ->> 'limit')::int and p.bytes_before < 4000000
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(plane.state_json(s.s) order by s.place), '[]'),
    'next', case when (select count(*) from page) > count(*)
      then jsonb_build_object('key', (array_agg((s.s).key order by s.place desc))[1]) end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_state', 'state:read', true);
