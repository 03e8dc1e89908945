-- Does what a schedule's time asks for, once: starts an execution, or as `overlap` says when one is running. The caller holds the schedule.
--
-- p_fire: {fire_at, version_id, input} or {fire_at, error} · answers doorbells
create function plane._fire_schedule(p_schedule plane.schedules, p_fire jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_at      constant timestamptz := (p_fire ->> 'fire_at')::timestamptz;
  v_queued  constant int := (select count(*) from plane.schedule_firings where schedule_id = p_schedule.id and outcome = 'queued');
  v_running uuid[];
  v_due     jsonb := '[]';
begin
  if exists (select from plane.schedule_firings where schedule_id = p_schedule.id and fire_at = v_at and not is_manual) then
    return v_due;
  elsif p_fire -> 'error' is not null then
    insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, error)
    values (p_schedule.org_id, p_schedule.id, v_at, 'failed', p_fire -> 'error');
    return v_due;
  end if;

  v_running := plane._running_firings(p_schedule.id);
  if p_schedule.overlap = 'skip' and v_running <> '{}' or v_queued >= 100 then
    perform plane._skip_firing(p_schedule, 'overlap', v_at);
    return v_due;
  elsif p_schedule.overlap = 'queue' and (v_running <> '{}' or v_queued > 0) then
    insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, version_id, input)
    values (p_schedule.org_id, p_schedule.id, v_at, 'queued', (p_fire ->> 'version_id')::uuid, p_fire -> 'input');
    return v_due;
  elsif p_schedule.overlap = 'cancel_running' then
    v_due := plane._cancel_running(p_schedule.org_id, v_running);
  end if;
  return v_due || plane._start_scheduled(p_schedule, v_at, (p_fire ->> 'version_id')::uuid, p_fire -> 'input');
end;
$$;
