-- Reads an access token's claims, whose signature PostgREST or the function has verified, and gives the person's id.
-- Called by gateway.authenticate_person. Raises 401 token_invalid, token_expired.
create function gateway._check_token(p_token jsonb)
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_token ->> 'role' is distinct from 'authenticated'
    or not coalesce(p_token -> 'aud' @> '"authenticated"', false)
    or coalesce(p_token ->> 'sub', '') !~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'
    or jsonb_typeof(p_token -> 'exp') is distinct from 'number'
  then
    perform plane.raise_error(401, 'token_invalid', 'This is not the access token of a signed-in person.',
      'Sign in and send Authorization: Bearer <access token>.');
  elsif (p_token ->> 'exp')::numeric <= extract(epoch from plane.clock()) then
    perform plane.raise_error(401, 'token_expired', 'The access token has expired.', 'Refresh the session, or sign in again.');
  end if;
  return (p_token ->> 'sub')::uuid;
end;
$$;

alter function gateway._check_token(jsonb) owner to plane_gateway;
