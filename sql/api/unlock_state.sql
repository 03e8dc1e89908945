-- Gives a lock back. Doing it again is no error, as long as nobody else has taken it.
-- payload: {component, key, fencing_token} · answers: the lock, free now · raises: 404 lock_not_found, 409 lock_lost
create function api.unlock_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lock plane.locks;
begin
  update plane.locks
  set lease_until = least(lease_until, plane.clock())
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
    and token = (payload ->> 'fencing_token')::bigint
  returning * into v_lock;
  if not found then
    select * into v_lock
    from plane.locks
    where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key';
    perform plane.raise_lock_lost(payload, v_lock);
  end if;
  perform plane.record_audit('unlock_state', 'locks', v_lock.component || '/' || v_lock.key,
    jsonb_build_object('fencing_token', v_lock.token));
  return plane.lock_json(v_lock);
end;
$$;

insert into gateway.verbs values ('unlock_state', 'state:write', false);
