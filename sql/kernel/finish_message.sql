-- Does what a message is for and notes it, in one transaction, for who still holds the claim.
--
-- p: {id, claim_ref, start: {version_id, input} | publish: {name, payload} | error: {code, message}}
-- Answers {ok, execution_id?, due: [doorbell]}; {ok: false, reason: stale} when the claim is another's by now.
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
  v_frame   plane.frames;
  v_answer  jsonb := '{}';
  v_due     jsonb := '[]';
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
    v_frame := plane._create_execution(
      (select v from plane.workflow_versions as v where v.id = (v_start ->> 'version_id')::uuid and v.org_id = v_message.org_id),
      jsonb_build_object('input', v_start -> 'input'));
    v_due := jsonb_build_array(plane._doorbell(v_frame));
    perform plane.record_plane_audit(v_message.org_id, 'start_execution', 'executions', v_frame.execution_id::text,
      jsonb_strip_nulls(jsonb_build_object('message_id', v_message.id, 'hook_id', v_message.hook_id, 'trigger_id', v_message.trigger_id)));
  elsif v_publish is not null then
    -- publish_event takes the organisation from the claims: from here on this is the message's.
    perform set_config('request.jwt.claims', jsonb_build_object('principal', 'runner', 'org_id', v_message.org_id,
      'key_id', v_message.hook_id, 'key_kind', 'runner', 'scopes', '[]'::jsonb)::text, true);
    v_answer := plane.publish_event(v_publish ->> 'name', v_publish -> 'payload');
    v_due := v_answer -> 'due';
    perform plane.record_plane_audit(v_message.org_id, 'publish_event', 'events', v_answer ->> 'id',
      jsonb_build_object('name', v_publish -> 'name', 'message_id', v_message.id, 'hook_id', v_message.hook_id));
  end if;
  update plane.trigger_messages
  set
    status = case when p -> 'error' is null then 'handled' else 'failed' end,
    error = p -> 'error',
    execution_id = v_frame.execution_id,
    event_id = (v_answer ->> 'id')::bigint,
    claim_ref = null,
    handled_at = plane.clock()
  where id = v_message.id;
  return jsonb_build_object('ok', true, 'execution_id', v_frame.execution_id, 'due', v_due);
end;
$$;

alter function plane.finish_message(jsonb) owner to plane_kernel;
