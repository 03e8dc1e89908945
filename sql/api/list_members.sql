-- A page of the organisation's members, the newest first.
-- payload: {limit, cursor: {at, id} | null, role?, email?} · answers: {data, next} · uses: members_recent
create function api.list_members(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select m
    from plane.members as m
    where m.org_id = (select plane.caller_org()) and m.removed_at is null
      and (payload ->> 'role' is null or m.role = payload ->> 'role')
      and (payload ->> 'email' is null or lower(m.email) = lower(payload ->> 'email'))
      and (
        payload -> 'cursor' ->> 'id' is null
        or (m.joined_at, m.user_id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by m.joined_at desc, m.user_id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.m).joined_at as at, (p.m).user_id as id, plane.member_json(p.m) as row
    from page as p
    order by (p.m).joined_at desc, (p.m).user_id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_members', '', true, '{operator,person}');
