-- A name as it is compared: "Web_Search" and "web search" are web-search.
create function plane.slug(p_text text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return left(btrim(regexp_replace(lower(p_text), '[^[:alnum:]]+', '-', 'g'), '-'), 100);
end;
$$;
