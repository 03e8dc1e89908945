-- A page of a namespace's memories, the newest first.
-- payload: {namespace, key?, limit, cursor: {at, id} | null} · answers: {data, next} · uses: memories_recent, memories_key_is_unique
create function api.list_memories(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select m
    from plane.memories as m
    where m.org_id = (select plane.caller_org())
      and m.namespace = payload ->> 'namespace'
      and (payload ->> 'key' is null or m.key = payload ->> 'key')
      and (m.expires_at is null or m.expires_at > plane.clock())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (m.created_at, m.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by m.created_at desc, m.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.m).created_at as at, (p.m).id as id, plane.memory_json(p.m) as row
    from page as p
    order by (p.m).created_at desc, (p.m).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_memories', 'memory:read', true);
