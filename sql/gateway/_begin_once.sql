-- Takes an Idempotency-Key for this caller, or gives the answer that it got before.
--
-- Null: the caller is the first, does its work and calls gateway._end_once in the same transaction.
-- A concurrent request with the same key waits here until the first has committed or rolled back (lock_timeout: 55P03).
-- Called by api.call_with_key, gateway._call_verb and plane.act, as authenticated. Raises 422 idempotency_mismatch.
create function gateway._begin_once(p_key text, p_fingerprint text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org    uuid := plane.caller_org();
  v_caller uuid := plane.caller_id();
  v_kept   plane.idempotency;
begin
  insert into plane.idempotency (org_id, key_id, key, fingerprint)
  values (v_org, v_caller, p_key, p_fingerprint)
  on conflict do nothing;
  if found then
    return null;
  end if;

  select * into v_kept
  from plane.idempotency
  where org_id = v_org and key_id = v_caller and key = p_key;
  if v_kept.fingerprint is distinct from p_fingerprint then
    perform plane.raise_error(422, 'idempotency_mismatch',
      format('The idempotency key %s was used before with another request.', p_key),
      'Repeat the first request exactly, or take a new key.');
  end if;
  return jsonb_build_object('answer', v_kept.answer, 'replayed', true);
end;
$$;
