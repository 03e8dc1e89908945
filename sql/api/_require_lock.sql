-- Refuses a write whose lock went to somebody else: the fencing token must be the one that was handed out last.
-- payload: {component, key, fencing_token?} · Called by the verbs that write state. Raises 404 lock_not_found · 409 lock_lost.
create function plane.require_lock(payload jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token constant bigint := (payload ->> 'fencing_token')::bigint;
  v_lock  plane.locks;
begin
  if v_token is null then
    return;
  end if;
  -- Held for the rest of the transaction: nobody may take the lock between this look and the write.
  select * into v_lock
  from plane.locks
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
  for share;
  if v_lock.token is distinct from v_token then
    perform plane.raise_lock_lost(payload, v_lock);
  end if;
end;
$$;
