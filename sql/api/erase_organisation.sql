-- Erases the organisation: nobody and no key gets in from now on, and everything is deleted. Only an owner in person may, by its name.
-- payload: {name: as confirmation} · answers: the erasure · raises: 403 people_only, missing_scope, 422 not_confirmed
create function api.erase_organisation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  perform plane.require_person('data:manage');
  select name into v_name from plane.organisations where id = plane.caller_org();
  if v_name is distinct from payload ->> 'name' then
    perform plane.raise_error(422, 'not_confirmed', 'This is not the name of your organisation.',
      'Send the exact name of the organisation that is to be erased, as confirmation: nothing brings it back.');
  end if;
  perform plane.record_audit('erase_organisation', 'organisations', plane.caller_org()::text, jsonb_build_object('name', v_name));
  return plane.erasure_json(gateway.begin_erasure('{}'));
end;
$$;

insert into gateway.verbs values ('erase_organisation', 'data:manage', false);
