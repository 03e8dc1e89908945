-- Adds a key to the caller's organisation. Nobody can give more than they have: no other scopes, and a key that ends no longer life.
-- payload: {name, kind: agent | operator, key_hash: hex sha256 of the key, prefix, scopes, expires_in_seconds?,
--           signing_key?: base64 of a public Ed25519 key, by which its requests must be signed}
-- answers: the key, without its secret, which only the caller knows · raises: 403 scope_not_held, outlives_maker, quota_exceeded
create function api.create_key(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_scopes constant text[] := array(select jsonb_array_elements_text(payload -> 'scopes'));
  v_key    plane.api_keys;
begin
  perform plane.require_scopes_of(v_scopes);
  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, created_by, expires_at, signing_key)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'kind', sha256(decode(payload ->> 'key_hash', 'hex')),
    payload ->> 'prefix', v_scopes, plane.caller_id(),
    plane.key_end((payload ->> 'expires_in_seconds')::float8), payload ->> 'signing_key')
  returning * into v_key;
  perform plane.check_quota('keys');
  perform plane.note_event('key.created', plane.key_event(v_key));
  perform plane.record_audit('create_key', 'keys', v_key.id::text,
    jsonb_build_object('name', v_key.name, 'kind', v_key.kind, 'scopes', to_jsonb(v_scopes), 'signed', v_key.signing_key is not null),
    null, plane.key_json(v_key));
  return plane.key_json(v_key);
end;
$$;

insert into gateway.verbs values ('create_key', 'keys:manage', false);
