-- Starts an execution for a time of a schedule, and notes it. What refuses it is noted too; what a quota of the moment refuses stays
-- queued if it was. Answers doorbells.
create function plane._start_scheduled(p_schedule plane.schedules, p_fire_at timestamptz, p_version_id uuid, p_input jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_started constant jsonb := plane._start_for(p_schedule.org_id, p_schedule.id, p_version_id, p_input);
  v_error   constant jsonb := v_started -> 'error';
  v_id      constant uuid := (v_started ->> 'execution_id')::uuid;
begin
  if (v_started ->> 'is_for_now')::boolean and exists (
    select from plane.schedule_firings
    where schedule_id = p_schedule.id and fire_at = p_fire_at and outcome = 'queued')
  then
    return '[]';
  end if;
  insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, execution_id, error, is_open)
  values (p_schedule.org_id, p_schedule.id, p_fire_at, case when v_error is null then 'fired' else 'failed' end, v_id, v_error, v_error is null)
  on conflict (schedule_id, fire_at) where not is_manual do update
  set outcome = excluded.outcome, execution_id = v_id, error = v_error, is_open = excluded.is_open, version_id = null, input = null;
  if v_error is not null then
    return '[]';
  end if;
  perform plane._record_event(p_schedule.org_id, v_id, 'schedule.fired', null, jsonb_build_object(
    'schedule_id', p_schedule.id, 'name', p_schedule.name, 'fire_at', plane.time_text(p_fire_at)));
  perform plane.record_plane_audit(p_schedule.org_id, 'start_execution', 'executions', v_id::text,
    jsonb_build_object('on_behalf_of', 'schedule', 'schedule_id', p_schedule.id, 'fire_at', plane.time_text(p_fire_at)));
  return v_started -> 'due';
end;
$$;
