-- Revokes a key at once and for good; again is the same. The last key that can manage keys stays.
-- payload: {id} · answers: the key · raises: 404 key_not_found, 409 last_operator_key
-- locks: the organisation's keys, so that two callers cannot revoke each other
create function api.revoke_key(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane.caller_org();
  v_key plane.api_keys;
begin
  perform pg_advisory_xact_lock(hashtextextended('keys ' || v_org, 0));
  select * into v_key
  from plane.api_keys
  where org_id = v_org and id = (payload ->> 'id')::uuid;
  if not found then
    perform plane.raise_error(404, 'key_not_found', format('There is no key %s.', payload ->> 'id'), 'List the keys.',
      '{"next": [{"why": "list the keys", "method": "GET", "path": "/api/keys"}]}');
  end if;
  if 'keys:manage' = any (v_key.scopes) and v_key.revoked_at is null and not exists (
    select
    from plane.api_keys
    where org_id = v_org and id <> v_key.id and 'keys:manage' = any (scopes) and revoked_at is null and expires_at is null
  ) then
    perform plane.raise_error(409, 'last_operator_key', 'This is the last lasting key that can manage keys.',
      'Make another operator key first.');
  end if;

  update plane.api_keys
  set revoked_at = coalesce(revoked_at, plane.clock())
  where id = v_key.id
  returning * into v_key;
  perform plane.record_audit('revoke_key', 'keys', v_key.id::text, jsonb_build_object('name', v_key.name));
  return plane.key_json(v_key);
end;
$$;

insert into gateway.verbs values ('revoke_key', 'keys:manage', false);
