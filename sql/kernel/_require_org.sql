-- The caller's organisation. Every function that tenants call as its owner starts here: it never comes from a parameter.
-- Raises 401 unauthenticated.
create function plane._require_org()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org uuid := plane.caller_org();
begin
  if v_org is null then
    perform plane.raise_error(401, 'unauthenticated', 'This call belongs to no organisation.', 'Send a valid API key.');
  end if;
  return v_org;
end;
$$;
