-- Who is calling.
-- payload: {} · answers: {organisation: {id, name}, key: {…}, scopes}
create function api.get_caller(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'organisation', jsonb_build_object('id', o.id, 'name', o.name),
    'key', plane.key_json(k),
    'scopes', to_jsonb(k.scopes))
  from plane.api_keys as k
  join plane.organisations as o on o.id = k.org_id
  where k.id = plane.caller_key();
$$;

insert into gateway.verbs values ('get_caller', '', true);
