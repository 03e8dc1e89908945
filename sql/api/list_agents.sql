-- A page of agents, the newest first.
-- payload: {limit, cursor: {at, id} | null, name?, status?, framework?, capability?, health?}
-- answers: {data, next} · uses: agents_recent, agents_name_is_unique
create function api.list_agents(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select a
    from plane.agents as a
    where a.org_id = (select plane.caller_org())
      and a.deleted_at is null
      and (payload ->> 'name' is null or a.name = payload ->> 'name')
      and (payload ->> 'status' is null or a.status = payload ->> 'status')
      and (payload ->> 'framework' is null or a.framework = payload ->> 'framework')
      and (payload ->> 'health' is null or plane.agent_health(a.lease_seconds, a.last_seen_at) = payload ->> 'health')
      and (
        payload ->> 'capability' is null
        or a.capabilities ? (payload ->> 'capability')
        or a.capabilities @> jsonb_build_array(jsonb_build_object('id', payload ->> 'capability'))
        or a.capabilities @> jsonb_build_array(jsonb_build_object('name', payload ->> 'capability'))
      )
      and (
        payload -> 'cursor' ->> 'id' is null
        or (a.created_at, a.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by a.created_at desc, a.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.a).created_at as at, (p.a).id as id, plane.agent_json(p.a) as row
    from page as p
    order by (p.a).created_at desc, (p.a).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_agents', 'agents:read', true);
