-- A page of what came to hooks and triggers, the newest first.
-- payload: {limit, cursor: {at, id} | null, hook_id?, trigger_id?, status?, is_hook?: of hooks only, or of triggers only} · answers: {data, next}
create function api.list_messages(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select m
    from plane.trigger_messages as m
    where m.org_id = (select plane.caller_org())
      and (payload ->> 'hook_id' is null or m.hook_id = (payload ->> 'hook_id')::uuid)
      and (payload ->> 'trigger_id' is null or m.trigger_id = (payload ->> 'trigger_id')::uuid)
      and (payload ->> 'status' is null or m.status = (payload ->> 'status'))
      and (payload ->> 'is_hook' is null or (m.hook_id is not null) = (payload ->> 'is_hook')::boolean)
      and (
        payload -> 'cursor' ->> 'id' is null
        or (m.received_at, m.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by m.received_at desc, m.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.m).received_at as at, (p.m).id as id, plane.message_json(p.m) as row
    from page as p
    order by (p.m).received_at desc, (p.m).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_messages', 'triggers:read', true);
