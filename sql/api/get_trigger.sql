-- One event trigger.
-- payload: {id} · answers: the trigger · raises: 404 trigger_not_found
create function api.get_trigger(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.trigger_json(plane.find_trigger((payload ->> 'id')::uuid));
$$;

insert into gateway.verbs values ('get_trigger', 'triggers:read', true);
