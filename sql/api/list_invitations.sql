-- A page of the organisation's invitations, the newest first, also those that have ended.
-- payload: {limit, cursor: {at, id} | null} · answers: {data, next} · uses: invitations_recent
create function api.list_invitations(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select i
    from plane.invitations as i
    where i.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (i.created_at, i.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by i.created_at desc, i.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.i).created_at as at, (p.i).id as id, plane.invitation_json(p.i) as row
    from page as p
    order by (p.i).created_at desc, (p.i).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_invitations', 'members:manage', true, '{operator,person}');
