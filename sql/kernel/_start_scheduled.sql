-- Starts an execution for a time of a schedule. Answers its doorbell.
create function plane._start_scheduled(p_schedule plane.schedules, p_fire_at timestamptz, p_version_id uuid, p_input jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
begin
  v_frame := plane._create_execution(
    (select v from plane.workflow_versions as v where v.id = p_version_id and v.org_id = p_schedule.org_id),
    jsonb_build_object('input', p_input));
  insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, execution_id, is_open)
  values (p_schedule.org_id, p_schedule.id, p_fire_at, 'fired', v_frame.execution_id, true)
  on conflict (schedule_id, fire_at) where not is_manual do update
  set outcome = 'fired', execution_id = excluded.execution_id, is_open = true, version_id = null, input = null;
  perform plane._record_event(p_schedule.org_id, v_frame.execution_id, 'schedule.fired', null, jsonb_build_object(
    'schedule_id', p_schedule.id, 'name', p_schedule.name, 'fire_at', plane.time_text(p_fire_at)));
  perform plane.record_plane_audit(p_schedule.org_id, 'start_execution', 'executions', v_frame.execution_id::text,
    jsonb_build_object('on_behalf_of', 'schedule', 'schedule_id', p_schedule.id, 'fire_at', plane.time_text(p_fire_at)));
  return jsonb_build_array(plane._doorbell(v_frame));
end;
$$;
