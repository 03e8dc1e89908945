-- Starts what a schedule starts, now, whatever else runs; its times stay as they are.
-- payload: {id, version_id, input, fire_at} · answers: the firing, and due: the doorbells to ring
-- raises: 404 schedule_not_found, version_not_found, 422 not_runnable
create function api.run_schedule(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule constant plane.schedules := plane.find_schedule((payload ->> 'id')::uuid);
  v_started  constant jsonb := plane.start_execution(jsonb_build_object('version_id', payload -> 'version_id', 'input', payload -> 'input'));
  v_firing   plane.schedule_firings;
begin
  insert into plane.schedule_firings (org_id, schedule_id, fire_at, is_manual, outcome, execution_id, is_open)
  values (v_schedule.org_id, v_schedule.id, (payload ->> 'fire_at')::timestamptz, true, 'fired',
    (v_started ->> 'execution_id')::uuid, true)
  returning * into v_firing;
  perform plane.note_event('schedule.fired', jsonb_build_object('schedule_id', v_schedule.id, 'name', v_schedule.name,
    'fire_at', payload -> 'fire_at', 'manual', true), v_firing.execution_id);
  perform plane.record_audit('run_schedule', 'schedules', v_schedule.id::text,
    jsonb_build_object('execution_id', v_firing.execution_id));
  return plane.firing_json(v_firing) || jsonb_build_object('due', v_started -> 'due');
end;
$$;

insert into gateway.verbs values ('run_schedule', 'triggers:write', false);
