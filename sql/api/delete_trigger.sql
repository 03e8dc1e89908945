-- Deletes an event trigger with its messages.
-- payload: {id} · answers: {id} · raises: 404 trigger_not_found
create function api.delete_trigger(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_trigger constant plane.event_triggers := plane.find_trigger((payload ->> 'id')::uuid);
begin
  delete from plane.event_triggers where id = v_trigger.id;
  perform plane.record_audit('delete_trigger', 'triggers', v_trigger.id::text, jsonb_build_object('name', v_trigger.name),
    plane.trigger_json(v_trigger));
  return jsonb_build_object('id', v_trigger.id);
end;
$$;

insert into gateway.verbs values ('delete_trigger', 'triggers:write', false);
