-- Sets a secret's value, sealed for its next version, which api.get_secret_version gave. Another writer was first: 409.
-- payload: {name, version, sealed} · answers: the secret and is_created · raises: 409 secret_changed
create function api.put_secret(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org     constant uuid := plane.caller_org();
  v_version constant int := (payload ->> 'version')::int;
  v_before  plane.secrets;
  v_secret  plane.secrets;
begin
  select * into v_before from plane.secrets where org_id = v_org and name = payload ->> 'name' for update;
  insert into plane.secrets (org_id, name, version, sealed, updated_by)
  values (v_org, payload ->> 'name', v_version, payload -> 'sealed', plane.caller_actor())
  on conflict (org_id, name) do update
  set version = excluded.version, sealed = excluded.sealed, updated_by = excluded.updated_by, updated_at = plane.clock()
  where secrets.version < excluded.version
  returning * into v_secret;
  if v_secret.name is null or v_version <> coalesce(v_before.version, v_version - 1) + 1 then
    perform plane.raise_error(409, 'secret_changed', format('Somebody else has set %s at the same time.', payload ->> 'name'),
      'Set it again.');
  end if;

  perform plane.record_audit('put_secret', 'secrets', v_secret.name, jsonb_build_object('version', v_secret.version),
    case when v_before.name is not null then plane.secret_json(v_before) end, plane.secret_json(v_secret));
  return plane.secret_json(v_secret) || jsonb_build_object('is_created', v_before.name is null);
end;
$$;

insert into gateway.verbs values ('put_secret', 'secrets:manage', false);
