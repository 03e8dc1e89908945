-- The caller's message of this id.
-- raises: 404 message_not_found
create function plane.find_message(p_id uuid)
returns plane.trigger_messages
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message plane.trigger_messages;
begin
  select * into v_message from plane.trigger_messages where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'message_not_found', format('There is no message %s.', p_id),
      'List the messages: what was handled 30 days ago is deleted.',
      '{"next": [{"why": "list the messages", "method": "GET", "path": "/api/hooks/messages"}]}');
  end if;
  return v_message;
end;
$$;
