-- pgvector, where the server has it and this role may create it. Without it memory is searched by text alone, and says so.
create schema if not exists extensions;

do $$
begin
  if exists (select from pg_catalog.pg_available_extensions where name = 'vector')
    and not exists (select from pg_catalog.pg_extension where extname = 'vector') then
    create extension vector schema extensions;
    -- The functions of an extension that this role creates are nobody's by default, as all its functions are.
    grant execute on all functions in schema extensions to public;
  end if;
exception
  when insufficient_privilege then
    raise notice 'pgvector is there but may not be created: memory will be searched by text alone';
end;
$$;
