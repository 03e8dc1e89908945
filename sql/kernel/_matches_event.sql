-- Whether a type is one of the patterns: a type, `prefix.*` or `*`.
create function plane._matches_event(p_type text, p_patterns text[])
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pattern text;
begin
  foreach v_pattern in array p_patterns loop
    if v_pattern in ('*', p_type) or (right(v_pattern, 2) = '.*' and starts_with(p_type, left(v_pattern, -1))) then
      return true;
    end if;
  end loop;
  return false;
end;
$$;
