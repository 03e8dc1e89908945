-- The organisation that the caller acts in: what is sealed belongs to it.
-- payload: {} · answers: {id, name}
create function api.get_organisation(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', o.id, 'name', o.name)
  from plane.organisations as o
  where o.id = plane.caller_org();
$$;

insert into gateway.verbs values ('get_organisation', '', true);
