-- Makes room for a new value: one that has expired goes into the history. Gives the last version that was ever there.
-- payload: {component, key} · Called by plane.write_state when there is no value.
create function plane.bury_state(payload jsonb)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old plane.state;
begin
  delete from plane.state
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
    and expires_at <= plane.clock()
  returning * into v_old;
  if found then
    perform plane.keep_history(v_old, v_old.expires_at, 'expired');
    return v_old.version;
  end if;
  return coalesce((
    select max(version)
    from plane.state_history
    where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'), 0);
end;
$$;
