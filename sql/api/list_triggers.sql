-- A page of event triggers, the newest first.
-- payload: {limit, cursor: {at, id} | null} · answers: {data, next}
create function api.list_triggers(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select t
    from plane.event_triggers as t
    where t.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (t.created_at, t.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by t.created_at desc, t.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.t).created_at as at, (p.t).id as id, plane.trigger_json(p.t) as row
    from page as p
    order by (p.t).created_at desc, (p.t).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_triggers', 'triggers:read', true);
