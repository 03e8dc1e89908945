-- Revokes a key at once and for good; again is the same. The last key that can manage keys stays.
-- payload: {id} · answers: the key · raises: 404 key_not_found, 409 last_operator_key
-- locks: the organisation's keys, so that two callers cannot revoke each other
create function api.revoke_key(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key    plane.api_keys := plane.lock_key(payload ->> 'id');
  v_is_new constant boolean := v_key.revoked_at is null;
  v_before constant jsonb := plane.key_json(v_key);
begin
  perform plane.require_other_manager(v_key);
  update plane.api_keys
  set revoked_at = coalesce(revoked_at, plane.clock())
  where id = v_key.id
  returning * into v_key;
  perform plane.record_audit('revoke_key', 'keys', v_key.id::text, jsonb_build_object('name', v_key.name), v_before, plane.key_json(v_key));
  if v_is_new then
    perform plane.note_event('key.revoked', plane.key_event(v_key));
  end if;
  return plane.key_json(v_key);
end;
$$;

insert into gateway.verbs values ('revoke_key', 'keys:manage', false);
