-- The caller's organisation. payload: {} · answers: {id, name, created_at}
create function api.get_organisation(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', o.id, 'name', o.name, 'created_at', o.created_at)
  from plane.organisations as o
  where o.id = plane.caller_org();
$$;

insert into gateway.verbs values ('get_organisation', '', true);
