-- A page of the organisation's ratings of a template, the newest first.
-- payload: {name, limit, cursor: {at, id} | null} · answers: {data, next}
create function api.list_template_ratings(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select r.*, row_number() over (order by r.updated_at desc, r.rater_id) as place
    from plane.template_ratings as r
    where r.org_id = (select plane.caller_org()) and r.template = payload ->> 'name'
      and (
        payload -> 'cursor' ->> 'id' is null
        or r.updated_at < (payload -> 'cursor' ->> 'at')::timestamptz
        or (r.updated_at = (payload -> 'cursor' ->> 'at')::timestamptz and r.rater_id > (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by r.updated_at desc, r.rater_id
    limit (payload ->> 'limit')::int + 1
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(jsonb_build_object(
      'stars', p.stars, 'comment', p.comment, 'rated_by', p.rated_by, 'rated_at', p.updated_at) order by p.place)
      filter (where p.place <= (payload ->> 'limit')::int), '[]'),
    'next', case when count(*) > (payload ->> 'limit')::int then (
      array_agg(jsonb_build_object('at', p.updated_at, 'id', p.rater_id) order by p.place))[(payload ->> 'limit')::int] end)
  from page as p;
$$;

insert into gateway.verbs values ('list_template_ratings', 'templates:read', true);
