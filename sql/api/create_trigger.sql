-- Adds an event trigger: from now on each event that it matches starts its workflow.
-- payload: {name, event, match?, target, enabled?} · answers: the trigger · raises: 409 name_taken
create function api.create_trigger(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_trigger plane.event_triggers;
begin
  insert into plane.event_triggers (org_id, name, event, match, target, is_enabled, since_xid, created_by)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'event', coalesce(payload -> 'match', '{}'), payload -> 'target',
    coalesce((payload ->> 'enabled')::boolean, true), plane.listen('triggers'), coalesce(plane.caller_actor(), '{}'))
  on conflict (org_id, name) do nothing
  returning * into v_trigger;
  if v_trigger.id is null then
    perform plane.raise_name_taken('trigger', payload ->> 'name');
  end if;
  perform plane.check_quota('event_triggers');
  perform plane.record_audit('create_trigger', 'triggers', v_trigger.id::text,
    jsonb_build_object('name', v_trigger.name, 'event', v_trigger.event), null, plane.trigger_json(v_trigger));
  return plane.trigger_json(v_trigger);
end;
$$;

insert into gateway.verbs values ('create_trigger', 'triggers:write', false);
