-- Notes that times of a schedule were skipped, once.
create function plane._skip_firing(
  p_schedule plane.schedules, p_reason text, p_fire_at timestamptz, p_until timestamptz default null, p_count int default 1)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, reason, count, until)
  values (p_schedule.org_id, p_schedule.id, p_fire_at, 'skipped', p_reason, p_count, coalesce(p_until, p_fire_at))
  on conflict (schedule_id, fire_at) where not is_manual do nothing;
  if found then
    perform plane._record_event(p_schedule.org_id, null, 'schedule.skipped', null, jsonb_build_object(
      'schedule_id', p_schedule.id, 'name', p_schedule.name, 'reason', p_reason, 'count', p_count,
      'fire_at', plane.time_text(p_fire_at), 'until', plane.time_text(coalesce(p_until, p_fire_at))));
  end if;
end;
$$;
