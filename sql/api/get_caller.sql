-- Who is calling.
-- payload: {} · answers: {organisation: {id, name}, actor: {kind, id, label}, scopes, key: {…} of a key,
-- person: {user_id, email, role, aal, may_decide_by_mail, joined_at} of a person; the other one is null}
create function api.get_caller(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'organisation', jsonb_build_object('id', o.id, 'name', o.name),
    'actor', plane.caller_actor(),
    'scopes', plane.caller_claims() -> 'scopes',
    'key', (select plane.key_json(k) from plane.api_keys as k where k.id = plane.caller_key()),
    'person', (
      select jsonb_build_object(
        'user_id', m.user_id, 'email', plane.caller_claims() -> 'email', 'role', m.role, 'aal', plane.caller_claims() -> 'aal',
        'may_decide_by_mail', m.may_decide_by_mail, 'joined_at', m.joined_at)
      from plane.members as m
      where m.org_id = o.id and m.user_id = plane.caller_person()))
  from plane.organisations as o
  where o.id = plane.caller_org();
$$;

insert into gateway.verbs values ('get_caller', '', true);
