-- A query that any word of a text fits, without the words that say nothing.
create function plane._any_word(p_text text)
returns tsquery
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return replace(plainto_tsquery('english', coalesce(p_text, ''))::text, ' & ', ' | ')::tsquery;
end;
$$;
