-- Raises 409 lock_lost: the caller's token is not the lock's current one; 404 lock_not_found: there is no such lock.
create function plane.raise_lock_lost(payload jsonb, p_lock plane.locks)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_lock.token is null then
    perform plane.raise_error(404, 'lock_not_found',
      format('There is no lock %s/%s.', payload ->> 'component', payload ->> 'key'), 'Take it with POST /api/state/lock.');
  end if;
  perform plane.raise_error(409, 'lock_lost',
    format('The lock %s/%s is not held with the fencing token %s.', payload ->> 'component', payload ->> 'key',
      payload ->> 'fencing_token'),
    'Stop what you do under it, take the lock again, and read the state again.',
    jsonb_build_object('current_token', p_lock.token, 'holder', p_lock.holder));
end;
$$;
