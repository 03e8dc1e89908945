-- One hook.
-- payload: {id} · answers: the hook · raises: 404 hook_not_found
create function api.get_hook(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.hook_json(plane.require_hook((payload ->> 'id')::uuid));
$$;

insert into gateway.verbs values ('get_hook', 'triggers:read', true);
