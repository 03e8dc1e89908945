-- How often work succeeds, carefully: the lower end of Wilson's 95 % interval, with one success and one failure added, so that
-- an agent without a record stands between one that failed and one that succeeded. 0 of 0: 0.09 · 1 of 1: 0.21 · 100 of 100: 0.95
create function plane.wilson(p_succeeded int, p_failed int)
returns double precision
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_z     constant double precision := 1.96;
  v_n     constant double precision := coalesce(p_succeeded, 0) + coalesce(p_failed, 0) + 2;
  v_share constant double precision := (coalesce(p_succeeded, 0) + 1) / v_n;
begin
  return (v_share + c_z ^ 2 / (2 * v_n) - c_z * sqrt((v_share * (1 - v_share) + c_z ^ 2 / (4 * v_n)) / v_n)) / (1 + c_z ^ 2 / v_n);
end;
$$;
