-- Handles a message that failed once more. Again while it waits: the same.
-- payload: {id} · answers: the message · raises: 404 message_not_found, 409 already_handled
create function api.redeliver_message(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message plane.trigger_messages := plane.find_message((payload ->> 'id')::uuid);
begin
  if v_message.status = 'handled' then
    perform plane.raise_error(409, 'already_handled', 'This message did what it is for already.',
      'Read it: execution_id or event_id is what came of it.');
  elsif v_message.status = 'failed' then
    update plane.trigger_messages
    set status = 'pending', attempts = 0, due_at = plane.clock(), claim_ref = null, error = null, handled_at = null
    where id = v_message.id and status = 'failed'
    returning * into v_message;
    perform plane.record_audit('redeliver_message', 'messages', v_message.id::text);
  end if;
  return plane.message_json(v_message);
end;
$$;

insert into gateway.verbs values ('redeliver_message', 'triggers:write', false);
