-- Renames the caller's organisation.
-- payload: {name} · answers: {id, name, created_at} · raises: 409 organisation_exists
create function api.update_organisation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before constant jsonb := api.get_organisation('{}');
begin
  begin
    update plane.organisations set name = payload ->> 'name' where id = plane.caller_org();
  exception when unique_violation then
    perform plane.raise_error(409, 'organisation_exists', format('The name %s is taken.', payload ->> 'name'), 'Choose another name.');
  end;
  perform plane.record_audit('update_organisation', 'organisations', plane.caller_org()::text,
    jsonb_build_object('name', payload -> 'name'), v_before, api.get_organisation('{}'));
  return api.get_organisation('{}');
end;
$$;

insert into gateway.verbs values ('update_organisation', 'members:manage', false, '{operator,person}');
