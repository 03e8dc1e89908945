-- The first day (UTC) of the day or the month that a time is in.
create function plane._period_start(p_period text, p_at timestamptz)
returns date
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return date_trunc(p_period, p_at at time zone 'UTC')::date;
end;
$$;
