-- Makes a key that takes over from another: the same name, kind and scopes, another secret. The old one works until the overlap is over.
-- With the scope keys:manage, or any key itself.
-- payload: {id, key_hash, prefix, overlap_seconds, expires_in_seconds?: of the new one; left out: as long as the old one was made for, but
--           what rotates itself ends when it would have ended; signing_key?: of the new one; left out: the old one's, which no rotation drops}
-- answers: the new key, and replaces: the old one
-- raises: 403 missing_scope, scope_not_held, outlives_maker, 404 key_not_found, 409 key_not_active, already_rotated, last_operator_key
create function api.rotate_key(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  constant timestamptz := plane.clock();
  v_old  plane.api_keys := plane.lock_key(payload ->> 'id');
  v_new  plane.api_keys;
begin
  if v_old.id is distinct from plane.caller_key() and not plane.caller_has_scope('keys:manage') then
    perform plane.raise_error(403, 'missing_scope', 'This needs the scope keys:manage, unless the key is your own.',
      'Rotate your own key, or ask an operator.', '{"scope": "keys:manage"}');
  elsif v_old.rotated_to is not null then
    perform plane.raise_error(409, 'already_rotated', format('The key %s takes over from this one already.', v_old.rotated_to),
      'Rotate that one.', jsonb_build_object('rotated_to', v_old.rotated_to));
  elsif v_old.revoked_at is not null or v_old.expires_at <= v_now then
    perform plane.raise_error(409, 'key_not_active', 'This key is revoked or expired.', 'Make a new key.');
  end if;
  perform plane.require_scopes_of(v_old.scopes, null);
  v_new.expires_at := case
    when payload ->> 'expires_in_seconds' is not null then plane.key_end((payload ->> 'expires_in_seconds')::float8)
    when v_old.id = plane.caller_key() then v_old.expires_at
    else least(v_now + (v_old.expires_at - v_old.created_at), plane.key_end(null)) end;
  if v_new.expires_at is not null then
    perform plane.require_other_manager(v_old);
  end if;

  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, created_by, expires_at, rotated_from, signing_key)
  values (
    v_old.org_id, v_old.name, v_old.kind, sha256(decode(payload ->> 'key_hash', 'hex')), payload ->> 'prefix', v_old.scopes,
    plane.caller_id(), v_new.expires_at, v_old.id, coalesce(payload ->> 'signing_key', v_old.signing_key))
  returning * into v_new;
  update plane.api_keys
  set rotated_to = v_new.id, expires_at = least(expires_at, v_now + make_interval(secs => (payload ->> 'overlap_seconds')::float8))
  where id = v_old.id
  returning * into v_old;
  perform plane.record_audit('rotate_key', 'keys', v_old.id::text,
    jsonb_build_object('name', v_old.name, 'rotated_to', v_new.id, 'overlap_seconds', payload -> 'overlap_seconds',
      'signed', v_new.signing_key is not null));
  perform plane.note_event('key.rotated', plane.key_event(v_new) || jsonb_build_object('overlap_until', plane.time_text(v_old.expires_at)));
  return plane.key_json(v_new) || jsonb_build_object('replaces', plane.key_json(v_old));
end;
$$;

insert into gateway.verbs values ('rotate_key', '', false);
