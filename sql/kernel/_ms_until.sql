-- Whole milliseconds from now on the plane's clock; never negative.
create function plane._ms_until(p_at timestamptz)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return greatest(0, ceil(extract(epoch from p_at - plane.clock()) * 1000))::bigint;
end;
$$;
