-- The calling person's id, of a verb that asks for no membership. A token that did not come through a door is nobody's.
-- raises: 401 unauthenticated
create function plane.require_user()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user constant uuid := plane.caller_person();
begin
  if v_user is null then
    perform plane.raise_error(401, 'unauthenticated', 'Only a person who has signed in may do this.',
      'Sign in and send Authorization: Bearer <access token>.');
  end if;
  return v_user;
end;
$$;
