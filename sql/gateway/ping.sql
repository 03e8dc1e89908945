-- Whether the database answers. For anybody.
create function api.ping()
returns text
language sql
stable
set search_path = ''
as $$
  select 'ok';
$$;
