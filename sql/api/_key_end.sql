-- When a key ends that the caller makes or changes now; null: never. A key that ends gives nothing that ends later than it does.
-- Raises 403 outlives_maker.
create function plane.key_end(p_seconds float8)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wanted constant timestamptz := plane.clock() + make_interval(secs => p_seconds);
  v_maker  timestamptz;
begin
  select expires_at into v_maker from plane.api_keys where id = plane.caller_key() and org_id = plane.caller_org();
  if v_wanted > v_maker then
    perform plane.raise_error(403, 'outlives_maker', format('Your key ends at %s; it cannot make one that ends later.', plane.time_text(v_maker)),
      'Ask for less time, or use a key that lasts.', jsonb_build_object('expires_at', plane.time_text(v_maker)));
  end if;
  return coalesce(v_wanted, v_maker);
end;
$$;
