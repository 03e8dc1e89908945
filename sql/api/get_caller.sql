-- Who is calling: a key or a person, and, when it is named, the agent that it calls for.
-- payload: {agent?: id or name} · raises: 404 agent_not_found
-- answers: {principal, organisation: {id, name}, actor: {kind, id, label}, scopes, key: {…} of a key,
-- person: {user_id, email, role, aal, may_decide_by_mail, joined_at} of a person; the other one is null, agent: the named one}
create function api.get_caller(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := plane.caller_claims();
  v_wanted constant text := payload ->> 'agent';
begin
  return (
    select jsonb_build_object(
      'principal', v_claims -> 'principal',
      'organisation', jsonb_build_object('id', o.id, 'name', o.name),
      'actor', plane.caller_actor(),
      'scopes', v_claims -> 'scopes',
      'key', (select plane.key_json(k) from plane.api_keys as k where k.org_id = o.id and k.id = plane.caller_key()),
      'person', (
        select jsonb_build_object(
          'user_id', m.user_id, 'email', v_claims -> 'email', 'role', m.role, 'aal', v_claims -> 'aal',
          'may_decide_by_mail', m.may_decide_by_mail, 'joined_at', m.joined_at)
        from plane.members as m
        where m.org_id = o.id and m.user_id = plane.caller_person()),
      'agent', case when v_wanted is not null then plane.agent_json(plane.find_agent(plane.agent_of(v_wanted), v_wanted)) end)
    from plane.organisations as o
    where o.id = plane.caller_org());
end;
$$;

insert into gateway.verbs values ('get_caller', '', true);
