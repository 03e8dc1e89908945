-- Changes a schedule. The caller has read it, works out the whole of it, and says when it was changed and fired last; a firing that
-- somebody works out at the moment is worked out again.
-- payload: {id, if_updated_at, if_last_fire_at, action: update_schedule | pause_schedule | resume_schedule, changes: {name?, workflow?,
--           version?, input?, cron?, timezone?, catch_up?, max_catch_up?, overlap?, jitter_seconds?, starts_at?, ends_at?}, status,
--           keeps_times? or next_fire_at, due_at}
-- answers: the schedule · raises: 404 schedule_not_found, workflow_not_found, version_not_found, 409 schedule_changed, name_taken
create function api.update_schedule(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before   constant plane.schedules := plane.find_schedule((payload ->> 'id')::uuid);
  v_wanted   constant plane.schedules := jsonb_populate_record(v_before, payload -> 'changes');
  v_keeps    constant boolean := coalesce((payload ->> 'keeps_times')::boolean, false);
  v_schedule plane.schedules;
begin
  if payload -> 'changes' ?| array['workflow', 'version'] then
    perform plane.find_version(jsonb_build_object('name', v_wanted.workflow, 'version', v_wanted.version));
  end if;
  update plane.schedules as s
  set
    name = v_wanted.name, workflow = v_wanted.workflow, version = v_wanted.version, input = v_wanted.input, cron = v_wanted.cron,
    timezone = v_wanted.timezone, catch_up = v_wanted.catch_up, max_catch_up = v_wanted.max_catch_up, overlap = v_wanted.overlap,
    jitter_seconds = v_wanted.jitter_seconds, starts_at = v_wanted.starts_at, ends_at = v_wanted.ends_at,
    status = payload ->> 'status',
    next_fire_at = case when v_keeps then s.next_fire_at else (payload ->> 'next_fire_at')::timestamptz end,
    due_at = case when v_keeps then s.due_at else (payload ->> 'due_at')::timestamptz end,
    claim_ref = null,
    updated_at = plane.clock()
  where s.id = v_before.id and s.updated_at = (payload ->> 'if_updated_at')::timestamptz
    and s.last_fire_at is not distinct from (payload ->> 'if_last_fire_at')::timestamptz
  returning * into v_schedule;
  if v_schedule.id is null then
    perform plane.raise_error(409, 'schedule_changed', 'The schedule was changed or fired meanwhile.', 'Read it, then send this again.');
  end if;
  perform plane.record_audit(payload ->> 'action', 'schedules', v_schedule.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(payload -> 'changes') as f)),
    plane.schedule_json(v_before), plane.schedule_json(v_schedule));
  return plane.schedule_json(v_schedule);
exception
  when unique_violation then
    perform plane.raise_name_taken('schedule', payload -> 'changes' ->> 'name');
    return null;
end;
$$;

insert into gateway.verbs values ('update_schedule', 'triggers:write', false);
