-- Secrets that another master key has sealed than the present one: what is to be sealed again after a rotation.
-- payload: {master_key, limit} · answers: {org_id, data: [{name, version, sealed}], has_more} · uses: secrets_by_master_key
create function api.list_sealed_secrets(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select s.name, s.version, s.sealed
    from plane.secrets as s
    where s.org_id = (select plane.caller_org()) and s.sealed ->> 'key' <> payload ->> 'master_key'
    order by s.name
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'org_id', (select plane.caller_org()),
    'data', coalesce(jsonb_agg(jsonb_build_object('name', p.name, 'version', p.version, 'sealed', p.sealed) order by p.name), '[]'),
    'has_more', count(*) = (payload ->> 'limit')::int)
  from page as p;
$$;

insert into gateway.verbs values ('list_sealed_secrets', 'secrets:manage', true);
