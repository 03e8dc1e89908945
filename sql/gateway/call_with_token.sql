-- The door for people on the direct path: the function has verified their token and gives its claims. Only for authenticator,
-- which nobody becomes through PostgREST.
--
-- claims: the token's · organisation, idempotency, lease: as in api.call_as_person
-- Raises what gateway.authenticate_person, gateway._begin_once and the verb raise.
create function api.call_with_token(
  claims jsonb, fn text, payload jsonb default '{}', organisation text default null, idempotency jsonb default null,
  lease jsonb default null)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set statement_timeout = '8s'
set lock_timeout = '2s'
as $$
declare
  v_claims jsonb;
begin
  perform set_config('request.jwt.claims', claims::text, true);
  v_claims := gateway.authenticate_person(coalesce(fn, ''), organisation);
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  return gateway._call_verb(fn, payload, idempotency, lease);
end;
$$;
