-- A lock as the API shows it.
create function plane.lock_json(p_lock plane.locks)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'component', p_lock.component,
    'key', p_lock.key,
    'fencing_token', p_lock.token,
    'holder', p_lock.holder,
    'agent_id', p_lock.agent_id,
    'acquired_at', p_lock.acquired_at,
    'lease_until', p_lock.lease_until);
end;
$$;
