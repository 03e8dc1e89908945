-- A value of state as the API shows it. Version and time make the ETag: a key that was deleted and made again has another one.
create function plane.state_json(p_state plane.state)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'component', p_state.component,
    'key', p_state.key,
    'value', p_state.value,
    'version', p_state.version,
    'agent_id', p_state.agent_id,
    'expires_at', p_state.expires_at,
    'created_at', p_state.created_at,
    'updated_at', p_state.updated_at,
    'etag', plane.state_etag(p_state.version, p_state.updated_at));
end;
$$;
