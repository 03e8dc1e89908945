-- What key.created, key.changed, key.rotated and key.revoked tell: never a hash.
create function plane.key_event(p_key plane.api_keys)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object('key_id', p_key.id, 'name', p_key.name, 'kind', p_key.kind, 'prefix', p_key.prefix, 'scopes', to_jsonb(p_key.scopes),
    'expires_at', plane.time_text(p_key.expires_at), 'rotated_from', p_key.rotated_from,
    'signed', p_key.signing_key is not null, 'by', plane.caller_actor());
end;
$$;
