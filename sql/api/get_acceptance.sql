-- What the output of a hand-off must fit, for who is about to complete it. payload: {id}
-- answers: {schema: shorthand or JSON Schema, or null} · raises: 404 handoff_not_found
create function api.get_acceptance(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('schema', (plane.find_handoff((payload ->> 'id')::uuid)).packet -> 'acceptance' -> 'schema');
$$;

insert into gateway.verbs values ('get_acceptance', 'handoffs:write', true);
