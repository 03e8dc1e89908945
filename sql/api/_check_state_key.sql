-- Refuses names of a value that are too long; names of steps come from templates, so nobody has checked them before.
-- payload: {component, key} · Called by the verbs that write state. Raises 422 invalid_input.
create function plane.check_state_key(payload jsonb)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(char_length(payload ->> 'component'), 0) not between 1 and 200
    or coalesce(char_length(payload ->> 'key'), 0) not between 1 and 500 then
    perform plane.raise_error(422, 'invalid_input', 'A component has 1 to 200 characters and a key 1 to 500.',
      'Shorten it, for example by a hash.');
  end if;
end;
$$;
