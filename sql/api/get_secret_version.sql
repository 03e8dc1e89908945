-- Which version the next value of a secret will have, so that it can be sealed for it.
-- payload: {name} · answers: {org_id, version}
create function api.get_secret_version(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane.caller_org();
begin
  return jsonb_build_object('org_id', v_org, 'version', 1 + coalesce((
    select s.version from plane.secrets as s where s.org_id = v_org and s.name = payload ->> 'name'), 0));
end;
$$;

insert into gateway.verbs values ('get_secret_version', 'secrets:manage', true);
