-- Whether the database answers. For anybody.
create function api.ping()
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select 'ok';
$$;
