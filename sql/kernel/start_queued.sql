-- Starts what schedules have queued, when the execution before has ended: one of each schedule.
--
-- p: {limit = 20} · answers {due: [doorbell]}. Locks: schedules, skipping those that somebody holds.
create function plane.start_queued(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule plane.schedules;
  v_queued   plane.schedule_firings;
  v_due      jsonb := '[]';
begin
  perform plane._check_isolation();
  for v_schedule in
    select s.*
    from plane.schedules as s
    where s.id in (select f.schedule_id from plane.schedule_firings as f where f.outcome = 'queued')
      and not exists (
        select from plane.schedule_firings as f
        join plane.executions as e on e.id = f.execution_id
        where f.schedule_id = s.id and f.is_open and e.status = 'running')
    limit coalesce((p ->> 'limit')::int, 20)
    for no key update of s skip locked
  loop
    if plane._running_firings(v_schedule.id) <> '{}' then
      continue; -- somebody has just started one
    end if;
    select * into v_queued
    from plane.schedule_firings
    where schedule_id = v_schedule.id and outcome = 'queued'
    order by fire_at
    limit 1;
    if v_queued.id is not null then
      v_due := v_due || plane._start_scheduled(v_schedule, v_queued.fire_at, v_queued.version_id, v_queued.input);
    end if;
  end loop;
  return jsonb_build_object('due', v_due);
end;
$$;

alter function plane.start_queued(jsonb) owner to plane_kernel;
