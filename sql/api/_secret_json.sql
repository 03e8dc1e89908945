-- A secret as the API answers it: never its value, sealed or not.
create function plane.secret_json(p_secret plane.secrets)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'name', p_secret.name,
    'version', p_secret.version,
    'created_at', p_secret.created_at,
    'updated_at', p_secret.updated_at,
    'last_used_at', p_secret.last_used_at,
    'updated_by', p_secret.updated_by,
    'master_key', p_secret.sealed ->> 'key');
end;
$$;
