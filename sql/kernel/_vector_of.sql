-- A JSON list as the text of a vector; null when there is none, or when pgvector is not in schema extensions.
create function plane._vector_of(p_list jsonb)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_list) is distinct from 'array' or not exists (
    select from pg_extension as e
    join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector' and n.nspname = 'extensions') then
    return null;
  end if;
  return p_list::text;
end;
$$;
