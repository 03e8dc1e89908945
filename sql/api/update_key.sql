-- Changes a key's name, or when it ends.
-- payload: {id, changes: {name?, expires_in_seconds?: from now; null: it lasts}} · answers: the key
-- raises: 403 scope_not_held, outlives_maker, 404 key_not_found, 409 key_not_active, last_operator_key
create function api.update_key(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  plane.api_keys := plane.lock_key(payload ->> 'id');
  v_key     plane.api_keys := v_before;
begin
  if v_before.revoked_at is not null or v_before.expires_at <= plane.clock() then
    perform plane.raise_error(409, 'key_not_active', 'This key is revoked or expired.', 'Make a new key.');
  end if;
  if v_changes ? 'expires_in_seconds' then
    v_key.expires_at := plane.key_end((v_changes ->> 'expires_in_seconds')::float8);
    if v_key.expires_at is null or v_key.expires_at > v_before.expires_at then
      perform plane.require_scopes_of(v_before.scopes, null); -- a longer life is given by who could give the key
    end if;
    if v_key.expires_at is not null then
      perform plane.require_other_manager(v_before);
    end if;
  end if;

  update plane.api_keys
  set name = coalesce(v_changes ->> 'name', name), expires_at = v_key.expires_at
  where id = v_key.id
  returning * into v_key;
  perform plane.record_audit('update_key', 'keys', v_key.id::text, jsonb_build_object('changed', (
    select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)), plane.key_json(v_before), plane.key_json(v_key));
  perform plane.note_event('key.changed', plane.key_event(v_key));
  return plane.key_json(v_key);
end;
$$;

insert into gateway.verbs values ('update_key', 'keys:manage', false);
