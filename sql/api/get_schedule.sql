-- One schedule.
-- payload: {id} · answers: the schedule · raises: 404 schedule_not_found
create function api.get_schedule(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.schedule_json(plane.find_schedule((payload ->> 'id')::uuid));
$$;

insert into gateway.verbs values ('get_schedule', 'triggers:read', true);
