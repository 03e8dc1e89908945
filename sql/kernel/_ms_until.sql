-- Whole milliseconds from now on the plane's clock; never negative.
create function plane._ms_until(p_at timestamptz)
returns bigint
language sql
stable
set search_path = ''
as $$
  select greatest(0, ceil(extract(epoch from p_at - plane.clock()) * 1000))::bigint;
$$;
