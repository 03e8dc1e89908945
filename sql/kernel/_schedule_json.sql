-- A schedule as the API and the chore see it.
create function plane.schedule_json(p_schedule plane.schedules)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_schedule.id,
    'name', p_schedule.name,
    'workflow', p_schedule.workflow,
    'version', p_schedule.version,
    'input', p_schedule.input,
    'cron', p_schedule.cron,
    'timezone', p_schedule.timezone,
    'catch_up', p_schedule.catch_up,
    'max_catch_up', p_schedule.max_catch_up,
    'overlap', p_schedule.overlap,
    'jitter_seconds', p_schedule.jitter_seconds,
    'starts_at', p_schedule.starts_at,
    'ends_at', p_schedule.ends_at,
    'status', p_schedule.status,
    'next_fire_at', p_schedule.next_fire_at,
    'last_fire_at', p_schedule.last_fire_at,
    'created_by', p_schedule.created_by,
    'created_at', p_schedule.created_at,
    'updated_at', p_schedule.updated_at);
end;
$$;
