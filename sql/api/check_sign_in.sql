-- Lets anybody pass who has signed in, member of an organisation or not, before a request is checked.
-- payload: {} · answers: the person {user_id, email, aal} · raises: 401 unauthenticated
create function api.check_sign_in(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.require_user();
  return jsonb_build_object(
    'user_id', plane.caller_person(), 'email', plane.caller_claims() -> 'email', 'aal', plane.caller_claims() -> 'aal');
end;
$$;

insert into gateway.verbs values ('check_sign_in', '', true, '{user}');
