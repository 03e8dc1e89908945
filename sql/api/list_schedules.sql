-- A page of schedules, the newest first.
-- payload: {limit, cursor: {at, id} | null, status?, workflow?} · answers: {data, next}
create function api.list_schedules(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select s
    from plane.schedules as s
    where s.org_id = (select plane.caller_org())
      and (payload ->> 'status' is null or s.status = (payload ->> 'status'))
      and (payload ->> 'workflow' is null or s.workflow = (payload ->> 'workflow'))
      and (
        payload -> 'cursor' ->> 'id' is null
        or (s.created_at, s.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by s.created_at desc, s.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.s).created_at as at, (p.s).id as id, plane.schedule_json(p.s) as row
    from page as p
    order by (p.s).created_at desc, (p.s).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_schedules', 'triggers:read', true);
