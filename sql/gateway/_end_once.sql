-- Keeps the answer under an Idempotency-Key that gateway._begin_once took in the same transaction.
-- Called by api.call_with_key, gateway._call_verb and plane.act, as authenticated.
create function gateway._end_once(p_key text, p_answer jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update plane.idempotency
  set answer = p_answer
  where org_id = plane.caller_org() and key_id = plane.caller_id() and key = p_key;
  return jsonb_build_object('answer', p_answer, 'replayed', false);
end;
$$;
