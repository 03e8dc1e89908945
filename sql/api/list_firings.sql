-- A page of what became of a schedule's times, the newest first.
-- payload: {schedule_id, limit, cursor: {at, id} | null, outcome?} · answers: {data, next}
create function api.list_firings(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select f
    from plane.schedule_firings as f
    where f.org_id = (select plane.caller_org())
      and f.schedule_id = (plane.find_schedule((payload ->> 'schedule_id')::uuid)).id
      and (payload ->> 'outcome' is null or f.outcome = (payload ->> 'outcome'))
      and (
        payload -> 'cursor' ->> 'id' is null
        or (f.created_at, f.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by f.created_at desc, f.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.f).created_at as at, (p.f).id as id, plane.firing_json(p.f) as row
    from page as p
    order by (p.f).created_at desc, (p.f).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_firings', 'triggers:read', true);
