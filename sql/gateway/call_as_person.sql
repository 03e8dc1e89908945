-- The door for people through PostgREST, which has verified their own access token: look up the membership, call one verb.
--
-- organisation: id or name, needed by who has several · idempotency, lease: as in api.call_with_key
-- SECURITY INVOKER, as authenticated. A verb that is called with a token but not through here sees no organisation.
-- Raises what gateway.authenticate_person, gateway._begin_once and the verb raise.
create function api.call_as_person(fn text, payload jsonb default '{}', organisation text default null, idempotency jsonb default null,
  lease jsonb default null)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set statement_timeout = '8s'
set lock_timeout = '2s'
as $$
declare
  v_claims constant jsonb := gateway.authenticate_person(coalesce(fn, ''), organisation);
begin
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  return gateway._call_verb(fn, payload, idempotency, lease);
end;
$$;
