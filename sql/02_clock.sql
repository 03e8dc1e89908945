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

-- A time as it is kept in JSON: RFC 3339 in UTC with Z and six digits, as the API writes it.
create function plane.time_text(p_at timestamptz)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
$$;
