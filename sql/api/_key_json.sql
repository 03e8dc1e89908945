-- A key as the API shows it: never its hash.
create function plane.key_json(p_key plane.api_keys)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', p_key.id,
    'name', p_key.name,
    'kind', p_key.kind,
    'prefix', p_key.prefix,
    'scopes', to_jsonb(p_key.scopes),
    'status', case
      when p_key.revoked_at is not null then 'revoked'
      when p_key.expires_at <= plane.clock() then 'expired'
      else 'active' end,
    'created_at', p_key.created_at,
    'created_by', p_key.created_by,
    'expires_at', p_key.expires_at,
    'revoked_at', p_key.revoked_at,
    'last_used_at', p_key.last_used_at,
    'rotated_from', p_key.rotated_from,
    'rotated_to', p_key.rotated_to,
    'signed', p_key.signing_key is not null);
$$;
