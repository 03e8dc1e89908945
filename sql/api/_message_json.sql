-- A message of the inbox as lists show it: without its body.
create function plane.message_json(p_message plane.trigger_messages)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_message.id,
    'hook_id', p_message.hook_id,
    'trigger_id', p_message.trigger_id,
    'message_id', p_message.message_id,
    'status', p_message.status,
    'attempts', p_message.attempts,
    'execution_id', p_message.execution_id,
    'event_id', 'evt_' || p_message.event_id,
    'error', p_message.error,
    'received_at', p_message.received_at,
    'handled_at', p_message.handled_at);
end;
$$;
