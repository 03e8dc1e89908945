-- A duration of the workflow language, such as 1.5h, or null when it is none.
create function plane._read_duration(p_text text)
returns interval
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select m[1]::float8 * case m[2]
    when 'ms' then interval '1 millisecond'
    when 's' then interval '1 second'
    when 'm' then interval '1 minute'
    when 'h' then interval '1 hour'
    else interval '1 day'
  end
  from regexp_match(p_text, '^(\d+(?:\.\d+)?)(ms|s|m|h|d)$') as m;
$$;
