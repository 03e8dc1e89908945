-- A page of templates, the best first: the newest version of each of the organisation's, and those that come with the plane.
-- payload: {builtins: [{name, version, title, description, tags}], tag?, query?, limit, cursor: {score, name} | null}
-- answers: {data, next}
create function api.list_templates(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with own as (
    select distinct on (t.name) t.name, plane.template_json(t, false) as template
    from plane.templates as t
    where t.org_id = (select plane.caller_org())
    order by t.name, t.version desc
  ),
  every as (
    select o.name, o.template from own as o
    union all
    select b ->> 'name', b from jsonb_array_elements(payload -> 'builtins') as b
  ),
  ranked as (
    select e.name, e.template || s.standing as template, (s.standing ->> 'score')::numeric as score
    from every as e
    cross join lateral (select plane.template_standing(e.name) as standing) as s
    where (payload ->> 'tag' is null or e.template -> 'tags' ? (payload ->> 'tag'))
      and (
        payload ->> 'query' is null
        or to_tsvector('english', concat_ws(' ', e.name, e.template ->> 'title', e.template ->> 'description', e.template ->> 'tags'))
          @@ websearch_to_tsquery('english', payload ->> 'query')
        or position(lower(payload ->> 'query') in lower(e.name)) > 0
      )
  ),
  page as (
    select r.*, row_number() over (order by r.score desc, r.name) as place
    from ranked as r
    where payload -> 'cursor' ->> 'name' is null
      or r.score < (payload -> 'cursor' ->> 'score')::numeric
      or (r.score = (payload -> 'cursor' ->> 'score')::numeric and r.name > payload -> 'cursor' ->> 'name')
    order by r.score desc, r.name
    limit (payload ->> 'limit')::int + 1
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(p.template order by p.place) filter (where p.place <= (payload ->> 'limit')::int), '[]'),
    'next', case when count(*) > (payload ->> 'limit')::int then (
      array_agg(jsonb_build_object('score', p.score, 'name', p.name) order by p.place))[(payload ->> 'limit')::int] end)
  from page as p;
$$;

insert into gateway.verbs values ('list_templates', 'templates:read', true);
