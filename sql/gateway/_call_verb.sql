-- Calls one verb as who has been authenticated for it, at most once for an Idempotency-Key.
-- Verbs that need no organisation keep no answers: they may be repeated as they are.
-- Called by api.call_as_person and api.call_with_token, as authenticated. (api.call_with_key spares the call: it is the hot one.)
create function gateway._call_verb(p_fn text, p_payload jsonb, p_idempotency jsonb, p_lease jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keeps  constant boolean := p_idempotency is not null and plane.caller_org() is not null;
  v_lease  jsonb;
  v_answer jsonb;
begin
  if p_lease is not null then
    v_lease := jsonb_build_object('lease', gateway._lease_tokens(p_lease));
  end if;
  if v_keeps then
    v_answer := gateway._begin_once(p_idempotency ->> 'key', p_idempotency ->> 'fingerprint');
    if v_answer is not null then
      return v_answer || coalesce(v_lease, '{}');
    end if;
  end if;

  execute format('select api.%I($1)', p_fn) into v_answer using p_payload;

  if v_keeps then
    return gateway._end_once(p_idempotency ->> 'key', v_answer) || coalesce(v_lease, '{}');
  elsif p_idempotency is not null or p_lease is not null then
    return jsonb_build_object('answer', v_answer, 'replayed', false) || coalesce(v_lease, '{}');
  end if;
  return v_answer;
end;
$$;
