-- Adds a schedule.
-- payload: {name, workflow, version?, input, cron, timezone, catch_up, max_catch_up, overlap, jitter_seconds, starts_at?, ends_at?,
--           paused?, next_fire_at, due_at}
-- answers: the schedule · raises: 404 workflow_not_found, version_not_found, 409 name_taken
create function api.create_schedule(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_paused   constant boolean := coalesce((payload ->> 'paused')::boolean, false);
  v_schedule plane.schedules;
begin
  perform plane.find_version(jsonb_build_object('name', payload -> 'workflow', 'version', payload -> 'version'));
  insert into plane.schedules (org_id, name, workflow, version, input, cron, timezone, catch_up, max_catch_up, overlap,
    jitter_seconds, starts_at, ends_at, status, next_fire_at, due_at, created_by)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'workflow', (payload ->> 'version')::int, coalesce(payload -> 'input', '{}'),
    payload ->> 'cron', payload ->> 'timezone', payload ->> 'catch_up', (payload ->> 'max_catch_up')::int, payload ->> 'overlap',
    (payload ->> 'jitter_seconds')::int, (payload ->> 'starts_at')::timestamptz, (payload ->> 'ends_at')::timestamptz,
    case when v_paused then 'paused' when payload ->> 'due_at' is null then 'ended' else 'active' end,
    case when not v_paused then (payload ->> 'next_fire_at')::timestamptz end,
    case when not v_paused then (payload ->> 'due_at')::timestamptz end, coalesce(plane.caller_actor(), '{}'))
  on conflict (org_id, name) do nothing
  returning * into v_schedule;
  if v_schedule.id is null then
    perform plane.raise_name_taken('schedule', payload ->> 'name');
  end if;
  perform plane.check_quota('schedules');
  perform plane.record_audit('create_schedule', 'schedules', v_schedule.id::text,
    jsonb_build_object('name', v_schedule.name, 'workflow', v_schedule.workflow, 'cron', v_schedule.cron), null,
    plane.schedule_json(v_schedule));
  return plane.schedule_json(v_schedule);
end;
$$;

insert into gateway.verbs values ('create_schedule', 'triggers:write', false);
