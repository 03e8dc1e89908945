-- Deletes a schedule with its history. What it started runs on; what it has queued does not start.
-- payload: {id} · answers: {id} · raises: 404 schedule_not_found
create function api.delete_schedule(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule constant plane.schedules := plane.find_schedule((payload ->> 'id')::uuid);
begin
  delete from plane.schedules where id = v_schedule.id;
  perform plane.record_audit('delete_schedule', 'schedules', v_schedule.id::text, jsonb_build_object('name', v_schedule.name),
    plane.schedule_json(v_schedule));
  return jsonb_build_object('id', v_schedule.id);
end;
$$;

insert into gateway.verbs values ('delete_schedule', 'triggers:write', false);
