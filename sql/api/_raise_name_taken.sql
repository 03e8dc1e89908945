-- Refuses a name that another thing of this kind has. raises: 409 name_taken
create function plane.raise_name_taken(p_kind text, p_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.raise_error(409, 'name_taken', format('Another %s is called %s.', p_kind, p_name), 'Choose another name.');
end;
$$;
