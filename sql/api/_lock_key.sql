-- One of the organisation's keys, held against other changes of its keys, so that two callers cannot revoke each other.
-- Locks: the organisation's keys (advisory). Raises 404 key_not_found.
create function plane.lock_key(p_id text)
returns plane.api_keys
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane.caller_org();
  v_key plane.api_keys;
begin
  perform pg_advisory_xact_lock(hashtextextended('keys ' || v_org, 0));
  select * into v_key
  from plane.api_keys
  where org_id = v_org and id = p_id::uuid;
  if not found then
    perform plane.raise_error(404, 'key_not_found', format('There is no key %s.', p_id), 'List the keys.',
      '{"next": [{"why": "list the keys", "method": "GET", "path": "/api/keys"}]}');
  end if;
  return v_key;
end;
$$;
