-- A page of policies, in the order in which they count: the highest priority first, then by effect and name.
-- payload: {limit, cursor: {after: n} | null, kind?} · answers: {data, next}
create function api.list_policies(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with listed as (
    select p, row_number() over (
      order by p.priority desc, array_position('{deny,ask,allow}'::text[], p.effect), p.name) as n
    from plane.policies as p
    where p.org_id = (select plane.caller_org()) and (payload ->> 'kind' is null or p.kind = payload ->> 'kind')
  ),
  page as (
    select n, plane.policy_json(listed.p) as row
    from listed
    where n > coalesce((payload -> 'cursor' ->> 'after')::int, 0)
    order by n
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(page.row order by page.n), '[]'),
    'next', case when max(page.n) < (select count(*) from listed) then jsonb_build_object('after', max(page.n)) end)
  from page;
$$;

insert into gateway.verbs values ('list_policies', 'policies:manage', true);
