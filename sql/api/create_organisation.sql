-- Makes an organisation whose owner is the caller, who needs no membership. Again with the same name: the same one.
-- payload: {name} · answers: {id, name, role, joined_at, has_begun}
-- raises: 401, 403 new_organisations_are_off, address_unconfirmed, 409 organisation_exists, too_many_organisations
create function api.create_organisation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_founded constant jsonb := gateway.found_organisation(payload);
begin
  perform set_config('request.jwt.claims', (v_founded -> 'claims')::text, true); -- its owner from here on
  if (v_founded ->> 'has_begun')::boolean then
    perform plane.record_audit('create_organisation', 'organisations', v_founded -> 'organisation' ->> 'id',
      jsonb_build_object('name', v_founded -> 'organisation' -> 'name'));
  end if;
  return v_founded -> 'organisation' || jsonb_build_object('has_begun', v_founded -> 'has_begun');
end;
$$;

insert into gateway.verbs values ('create_organisation', '', false, '{user}');
