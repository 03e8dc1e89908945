-- Changes the given fields of an event trigger. Switched on, it takes what happens from now on.
-- payload: {id, changes: {name?, event?, match?, target?, enabled?}} · answers: the trigger
-- raises: 404 trigger_not_found, 409 name_taken
create function api.update_trigger(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  constant plane.event_triggers := plane.find_trigger((payload ->> 'id')::uuid);
  v_starts  constant boolean := coalesce((v_changes ->> 'enabled')::boolean, false) and not v_before.is_enabled;
  v_trigger plane.event_triggers;
begin
  update plane.event_triggers as t
  set
    name = coalesce(v_changes ->> 'name', t.name),
    event = coalesce(v_changes ->> 'event', t.event),
    match = coalesce(v_changes -> 'match', t.match),
    target = coalesce(v_changes -> 'target', t.target),
    is_enabled = coalesce((v_changes ->> 'enabled')::boolean, t.is_enabled),
    since_xid = case when v_starts then plane.listen('triggers') else t.since_xid end,
    updated_at = plane.clock()
  where t.id = v_before.id
  returning * into v_trigger;
  perform plane.record_audit('update_trigger', 'triggers', v_trigger.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)),
    plane.trigger_json(v_before), plane.trigger_json(v_trigger));
  return plane.trigger_json(v_trigger);
exception
  when unique_violation then
    perform plane.raise_name_taken('trigger', v_changes ->> 'name');
    return null;
end;
$$;

insert into gateway.verbs values ('update_trigger', 'triggers:write', false);
