-- Runs a tenant's verb for a step, as the organisation of its frame and under that organisation's row-level security.
--
-- p: {execution_id, frame, epoch, verb, payload, idempotency_key} · answers what the verb answers, or {ok: false, reason: stale}
-- A change is made exactly once by idempotency_key within the execution; another payload under it: 422 idempotency_mismatch.
-- SECURITY INVOKER, because a role cannot be set inside a definer: plane_runner becomes authenticated for the rest of the transaction.
-- Raises 422 unknown_verb and what the verb raises.
create function plane.act(p jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_payload     constant jsonb := coalesce(p -> 'payload', '{}');
  v_key         constant text := p ->> 'idempotency_key';
  v_fingerprint constant text := encode(sha256(convert_to(coalesce(p ->> 'verb', '') || v_payload::text, 'UTF8')), 'hex');
  v_claims      constant jsonb := plane._begin_act(p);
  v_answer      jsonb;
begin
  if v_claims is null then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  case p ->> 'verb'
    when 'get_state' then return api.get_state(v_payload);
    when 'list_state' then return api.list_state(v_payload);
    when 'search_memory' then return api.search_memory(v_payload);
    when 'embed_memories' then return api.embed_memories(v_payload); -- the same again changes nothing
    else null;
  end case;
  v_answer := gateway._begin_once(v_key, v_fingerprint);
  if v_answer is not null then
    return v_answer -> 'answer';
  end if;

  case p ->> 'verb'
    when 'put_state' then v_answer := api.put_state(v_payload);
    when 'merge_state' then v_answer := api.merge_state(v_payload);
    when 'increment_state' then v_answer := api.increment_state(v_payload);
    when 'append_state' then v_answer := api.append_state(v_payload);
    when 'delete_state' then v_answer := api.delete_state(v_payload);
    when 'put_memory' then v_answer := api.put_memory(v_payload);
    when 'publish_event' then
      v_answer := plane.publish_event(v_payload ->> 'name', v_payload -> 'payload', (p ->> 'execution_id')::uuid, v_key);
    else
      perform plane.raise_error(422, 'unknown_verb', format('A step cannot call %s.', p ->> 'verb'));
  end case;
  return gateway._end_once(v_key, v_answer) -> 'answer';
end;
$$;
