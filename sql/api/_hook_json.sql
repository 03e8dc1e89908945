-- A hook as the API shows it: never its secrets.
create function plane.hook_json(p_hook plane.hooks)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_hook.id,
    'name', p_hook.name,
    'token', p_hook.token,
    'scheme', p_hook.scheme,
    'verification', p_hook.verification,
    'target', p_hook.target,
    'enabled', p_hook.is_enabled,
    'former_secret_until', case when p_hook.former_until > plane.clock() then p_hook.former_until end,
    'created_by', p_hook.created_by,
    'created_at', p_hook.created_at,
    'updated_at', p_hook.updated_at);
end;
$$;
