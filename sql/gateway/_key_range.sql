-- The condition that a row's key lies behind $2 and, when p_has_end, not behind $3: both are JSON arrays of its values.
-- Called by gateway.export_page and gateway.erase_next, which put it into a statement.
create function gateway._key_range(p_key text[], p_types text[], p_has_start boolean, p_has_end boolean)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key   constant text := (select string_agg(format('t.%I', k), ', ' order by n) from unnest(p_key) with ordinality as u (k, n));
  v_value constant text := (
    select string_agg(format('(%%1$s ->> %s)::%s', n - 1, t), ', ' order by n) from unnest(p_types) with ordinality as u (t, n));
begin
  return concat_ws(' and ',
    case when p_has_start then format('(%s) > (%s)', v_key, replace(v_value, '%1$s', '$2')) end,
    case when p_has_end then format('(%s) <= (%s)', v_key, replace(v_value, '%1$s', '$3')) end,
    case when not p_has_start and not p_has_end then 'true' end);
end;
$$;
