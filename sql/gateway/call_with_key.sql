-- The door for agents, integrations and operators: authenticate, become the caller, call one verb. One round trip.
--
-- idempotency: {"key", "fingerprint"}; the answer is then {"answer", "replayed"}
-- lease: what gateway._lease_tokens takes; the answer is then {"answer", "replayed", "lease"}
-- signed_by: the public key by which the function has verified the request's signature
-- SECURITY INVOKER, because a role cannot be set inside a definer. Its parameters are named as PostgREST's body.
-- Raises what gateway.authenticate, gateway._lease_tokens, gateway._begin_once and the verb raise.
create function api.call_with_key(
  key_hash text, fn text, payload jsonb default '{}', idempotency jsonb default null, lease jsonb default null, signed_by text default null
)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set statement_timeout = '8s'
set lock_timeout = '2s'
as $$
declare
  v_claims jsonb := gateway.authenticate(key_hash, coalesce(fn, ''), signed_by);
  v_lease  jsonb;
  v_answer jsonb;
begin
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  if lease is not null then
    v_lease := jsonb_build_object('lease', gateway._lease_tokens(lease));
  end if;
  if idempotency is not null then
    v_answer := gateway._begin_once(idempotency ->> 'key', idempotency ->> 'fingerprint');
    if v_answer is not null then
      return v_answer || coalesce(v_lease, '{}');
    end if;
  end if;

  execute format('select api.%I($1)', fn) into v_answer using payload;

  if idempotency is not null then
    return gateway._end_once(idempotency ->> 'key', v_answer) || coalesce(v_lease, '{}');
  elsif lease is not null then
    return v_lease || jsonb_build_object('answer', v_answer, 'replayed', false);
  end if;
  return v_answer;
end;
$$;
