-- Puts a message that was verified into the inbox of its hook. The second one with its id changes nothing.
--
-- p: {hook_id, message_id, headers, body} · answers {id, is_new}; null when the hook is gone by now
create function plane.receive_message(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hook plane.hooks;
  v_id   uuid;
begin
  select * into v_hook from plane.hooks where id = (p ->> 'hook_id')::uuid and is_enabled for key share;
  if v_hook.id is null then
    return null;
  end if;
  insert into plane.trigger_messages (org_id, hook_id, message_id, headers, body)
  values (v_hook.org_id, v_hook.id, p ->> 'message_id', coalesce(p -> 'headers', '{}'), p -> 'body')
  on conflict (hook_id, message_id) do nothing
  returning id into v_id;
  if v_id is not null then
    return jsonb_build_object('id', v_id, 'is_new', true);
  end if;
  select id into v_id from plane.trigger_messages where hook_id = v_hook.id and message_id = p ->> 'message_id';
  return jsonb_build_object('id', v_id, 'is_new', false);
end;
$$;

alter function plane.receive_message(jsonb) owner to plane_kernel;
