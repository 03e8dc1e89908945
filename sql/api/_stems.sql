-- The words of a text without their endings: English stems, and all words as they are when only stop words are left.
-- camelCase and snake_case are words too. called by: index_agent, match_agents
create function plane.stems(p_text text)
returns text[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text  constant text := regexp_replace(left(p_text, 50000), '([[:lower:][:digit:]])([[:upper:]])', '\1 \2', 'g');
  v_stems constant text[] := tsvector_to_array(to_tsvector('pg_catalog.english', v_text));
begin
  return case when cardinality(v_stems) > 0 then v_stems else tsvector_to_array(to_tsvector('pg_catalog.simple', v_text)) end;
end;
$$;
