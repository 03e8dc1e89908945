-- Does what a message is for and notes it, in one transaction, for who still holds the claim.
--
-- p: {id, claim_ref, start: {version_id, input} | publish: {name, payload} | error: {code, message}}
-- Answers {ok, due: [doorbell]}; {ok: false, reason: stale} when the claim is another's by now.
-- A start that a quota of the moment refuses comes back in a while, up to 20 times; any other refusal is the message's error.
-- Locks: the message, then what publish_event locks.
create function plane.finish_message(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_start   constant jsonb := p -> 'start';
  v_publish constant jsonb := p -> 'publish';
  v_message plane.trigger_messages;
  v_answer  jsonb := '{}';
  v_error   jsonb;
  v_refused text;
  v_detail  text;
begin
  perform plane._check_isolation();
  select * into v_message
  from plane.trigger_messages
  where id = (p ->> 'id')::uuid and claim_ref = (p ->> 'claim_ref')::uuid and status = 'pending'
  for no key update;
  if v_message.id is null then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  if v_start is not null then
    v_answer := plane._start_for(v_message.org_id, coalesce(v_message.hook_id, v_message.trigger_id),
      (v_start ->> 'version_id')::uuid, v_start -> 'input');
    if (v_answer ->> 'is_for_now')::boolean and v_message.attempts < 20 then
      update plane.trigger_messages
      set claim_ref = null, due_at = plane.clock() + v_message.attempts * interval '10 seconds'
      where id = v_message.id;
      return jsonb_build_object('ok', true, 'due', '[]'::jsonb);
    end if;
  elsif v_publish is not null then
    perform plane._act_for(v_message.org_id, v_message.hook_id);
    begin
      v_answer := plane.publish_event(v_publish ->> 'name', v_publish -> 'payload');
    exception when sqlstate 'PT422' then
      get stacked diagnostics v_refused = message_text, v_detail = pg_exception_detail;
      v_error := jsonb_build_object('code', v_detail::jsonb -> 'code', 'message', v_refused);
    end;
  end if;
  v_error := coalesce(p -> 'error', v_error, v_answer -> 'error');
  if v_error is null then
    perform plane.record_plane_audit(v_message.org_id, case when v_start is null then 'publish_event' else 'start_execution' end,
      case when v_start is null then 'events' else 'executions' end, coalesce(v_answer ->> 'execution_id', v_answer ->> 'id'),
      jsonb_strip_nulls(jsonb_build_object('name', v_publish -> 'name', 'message_id', v_message.id, 'hook_id', v_message.hook_id,
        'trigger_id', v_message.trigger_id)));
  end if;
  update plane.trigger_messages
  set
    status = case when v_error is null then 'handled' else 'failed' end,
    error = v_error,
    execution_id = (v_answer ->> 'execution_id')::uuid,
    event_id = (v_answer ->> 'id')::bigint,
    claim_ref = null,
    handled_at = plane.clock()
  where id = v_message.id;
  return jsonb_build_object('ok', true, 'due', coalesce(v_answer -> 'due', '[]'));
end;
$$;

alter function plane.finish_message(jsonb) owner to plane_kernel;
