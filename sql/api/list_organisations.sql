-- The organisations of whoever has signed in. payload: {} · answers: {data: [{id, name, role, joined_at}]} · raises: 401
create function api.list_organisations(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object('data', gateway.list_memberships());
end;
$$;

insert into gateway.verbs values ('list_organisations', '', true, '{user}');
