-- Whether the database answers, and the number of its schema: functions that need a later one say that they are not ready. For anybody.
-- The number rises with every release whose functions need the schema of that release (functions/shared/db/schema_version.py).
create function api.ping()
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select 'ok, schema 3';
$$;
