-- A page of webhooks, the newest first.
-- payload: {limit, cursor: {at, id} | null} · answers: {data, next}
create function api.list_webhooks(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select w
    from plane.webhooks as w
    where w.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (w.created_at, w.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by w.created_at desc, w.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.w).created_at as at, (p.w).id as id, plane.webhook_json(p.w) as row
    from page as p
    order by (p.w).created_at desc, (p.w).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_webhooks', 'webhooks:read', true);
