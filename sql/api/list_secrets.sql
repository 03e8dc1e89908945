-- A page of secrets by name, without values.
-- payload: {limit, cursor: {name} | null} · answers: {data, next} · uses: secrets_pkey
create function api.list_secrets(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select s
    from plane.secrets as s
    where s.org_id = (select plane.caller_org()) and s.name > coalesce(payload -> 'cursor' ->> 'name', '')
    order by s.name
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.s).name as name, plane.secret_json(p.s) as row from page as p order by (p.s).name limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.name), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int then jsonb_build_object('name', max(s.name)) end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_secrets', 'secrets:manage', true);
