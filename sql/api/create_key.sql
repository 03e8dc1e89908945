-- Adds a key to the caller's organisation. A key can give only scopes that it has.
-- payload: {name, kind: agent | operator, key_hash: hex sha256 of the key, prefix, scopes, expires_in_seconds?}
-- answers: the key, without its secret, which only the caller knows · raises: 403 scope_not_held
create function api.create_key(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_scopes constant text[] := array(select jsonb_array_elements_text(payload -> 'scopes'));
  v_lacks  text[] := array(select s from unnest(v_scopes) as s where not plane.caller_has_scope(s));
  v_key    plane.api_keys;
begin
  if v_lacks <> '{}' then
    perform plane.raise_error(403, 'scope_not_held',
      format('This key lacks %s, so it cannot give it.', array_to_string(v_lacks, ', ')),
      'Leave these scopes out, or use a key that has them.',
      jsonb_build_object('scope', v_lacks[1], 'errors', (
        select jsonb_agg(jsonb_build_object('pointer', '/scopes/' || (array_position(v_scopes, s) - 1), 'code', 'scope_not_held',
          'message', format('This key lacks the scope %s.', s)))
        from unnest(v_lacks) as s)));
  end if;

  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, created_by, expires_at)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'kind', sha256(decode(payload ->> 'key_hash', 'hex')),
    payload ->> 'prefix', v_scopes, plane.caller_id(),
    plane.clock() + make_interval(secs => (payload ->> 'expires_in_seconds')::float8))
  returning * into v_key;
  perform plane.record_audit('create_key', 'keys', v_key.id::text,
    jsonb_build_object('name', v_key.name, 'kind', v_key.kind, 'scopes', to_jsonb(v_scopes)));
  return plane.key_json(v_key);
end;
$$;

insert into gateway.verbs values ('create_key', 'keys:manage', false);
