-- The runs of three letters of a word, with its edges: " in", "inv", ... "ce ". What two spellings have in common.
create function plane.shingles(p_word text)
returns text[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(select distinct substr(' ' || p_word || ' ', i, 3) from generate_series(1, char_length(p_word)) as i);
end;
$$;
