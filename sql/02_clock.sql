-- The one clock of the plane. Tests move it: `set plane.clock_offset = '2 hours'`.
create function plane.clock()
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return clock_timestamp() + coalesce(nullif(current_setting('plane.clock_offset', true), '')::interval, interval '0');
end;
$$;
