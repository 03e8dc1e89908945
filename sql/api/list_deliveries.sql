-- A page of deliveries, the newest first. Dead letters: status dead.
-- payload: {limit, cursor: {at, id} | null, webhook_id?, status?, event_type?} · answers: {data, next}
create function api.list_deliveries(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select d
    from plane.webhook_deliveries as d
    where d.org_id = (select plane.caller_org())
      and (payload ->> 'webhook_id' is null or d.webhook_id = (payload ->> 'webhook_id')::uuid)
      and (payload ->> 'status' is null or d.status = (payload ->> 'status'))
      and (payload ->> 'event_type' is null or d.event_type = (payload ->> 'event_type'))
      and (
        payload -> 'cursor' ->> 'id' is null
        or (d.created_at, d.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by d.created_at desc, d.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.d).created_at as at, (p.d).id as id, plane.delivery_json(p.d) as row
    from page as p
    order by (p.d).created_at desc, (p.d).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_deliveries', 'webhooks:read', true);
