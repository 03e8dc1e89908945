-- Takes a lock that is free, or renews it for who holds it.
-- payload: {component, key, lease_seconds, fencing_token?: of who renews, holder?, agent_id?}
-- answers: the lock, and is_new · raises: 409 lock_held (with holder, lease_until), lock_lost (a renewal that came too late)
create function api.lock_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   constant timestamptz := plane.clock();
  v_until constant timestamptz := v_now + make_interval(secs => (payload ->> 'lease_seconds')::float8);
  v_lock  plane.locks;
begin
  perform plane.check_state_key(payload);
  perform plane.note_agent((payload ->> 'agent_id')::uuid);
  if payload ->> 'fencing_token' is not null then
    update plane.locks
    set lease_until = v_until
    where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
      and token = (payload ->> 'fencing_token')::bigint and lease_until > v_now
    returning * into v_lock;
    if found then
      return plane.lock_json(v_lock) || jsonb_build_object('is_new', false);
    end if;
    select * into v_lock
    from plane.locks
    where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key';
    perform plane.raise_lock_lost(payload, v_lock);
  end if;

  insert into plane.locks as l (org_id, component, key, token, holder, agent_id, acquired_at, lease_until)
  values (plane.caller_org(), payload ->> 'component', payload ->> 'key', nextval('plane.fencing_token'),
    payload ->> 'holder', (payload ->> 'agent_id')::uuid, v_now, v_until)
  on conflict (org_id, component, key) do update
  set
    -- A token of its own, drawn under the row's lock: the later holder's is always the higher one.
    token = nextval('plane.fencing_token'),
    holder = excluded.holder,
    agent_id = excluded.agent_id,
    acquired_at = excluded.acquired_at,
    lease_until = excluded.lease_until
  where l.lease_until <= v_now
  returning * into v_lock;
  if found then
    perform plane.record_audit('lock_state', 'locks', v_lock.component || '/' || v_lock.key,
      jsonb_build_object('fencing_token', v_lock.token, 'holder', v_lock.holder));
    return plane.lock_json(v_lock) || jsonb_build_object('is_new', true);
  end if;

  select * into v_lock
  from plane.locks
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key';
  perform plane.raise_error(409, 'lock_held',
    format('%s/%s is locked by %s until %s.', v_lock.component, v_lock.key, coalesce(v_lock.holder, 'somebody'),
      plane.time_text(v_lock.lease_until)),
    'Wait with Prefer: wait=20, or try again after the lease.',
    jsonb_build_object('holder', v_lock.holder, 'lease_until', plane.time_text(v_lock.lease_until),
      'retry_after', ceil(greatest(1, extract(epoch from v_lock.lease_until - v_now)))));
  return null;
end;
$$;

insert into gateway.verbs values ('lock_state', 'state:write', false);
