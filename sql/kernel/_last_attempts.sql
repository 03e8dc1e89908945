-- The last 20 attempts of a history.
create function plane._last_attempts(p_history jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  while jsonb_array_length(p_history) > 20 loop
    p_history := p_history - 0;
  end loop;
  return p_history;
end;
$$;
