-- Deletes a secret. Steps that run now may still have its value.
-- payload: {name} · answers: {name} · raises: 404 secret_not_found
create function api.delete_secret(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_secret plane.secrets;
begin
  delete from plane.secrets
  where org_id = plane.caller_org() and name = payload ->> 'name'
  returning * into v_secret;
  if not found then
    perform plane.raise_error(404, 'secret_not_found', format('There is no secret %s.', payload ->> 'name'), 'List the secrets.',
      '{"next": [{"why": "list the secrets", "method": "GET", "path": "/api/secrets"}]}');
  end if;
  perform plane.record_audit('delete_secret', 'secrets', v_secret.name, jsonb_build_object('version', v_secret.version),
    plane.secret_json(v_secret));
  return jsonb_build_object('name', v_secret.name);
end;
$$;

insert into gateway.verbs values ('delete_secret', 'secrets:manage', false);
