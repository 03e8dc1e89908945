-- One hand-off. payload: {id} · answers: the hand-off · raises: 404 handoff_not_found
create function api.get_handoff(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.handoff_json(plane.find_handoff((payload ->> 'id')::uuid));
$$;

insert into gateway.verbs values ('get_handoff', 'handoffs:read', true);
