-- One message with what it brought.
-- payload: {id} · answers: the message, headers, body · raises: 404 message_not_found
create function api.get_message(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message constant plane.trigger_messages := plane.find_message((payload ->> 'id')::uuid);
begin
  return plane.message_json(v_message) || jsonb_build_object('headers', v_message.headers, 'body', v_message.body);
end;
$$;

insert into gateway.verbs values ('get_message', 'triggers:read', true);
