-- Who is calling: a key or a person, and, when it is named, the agent that it calls for.
-- payload: {agent?: id or name} · raises: 404 agent_not_found
-- answers: {principal: api_key | person, organisation: {id, name}, key: {…} | null, person: {user_id, email, role, aal} | null, agent, scopes}
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
  return jsonb_build_object(
    'principal', v_claims -> 'principal',
    'organisation', (
      select jsonb_build_object('id', o.id, 'name', o.name) from plane.organisations as o where o.id = plane.caller_org()),
    'key', (select plane.key_json(k) from plane.api_keys as k where k.org_id = plane.caller_org() and k.id = plane.caller_key()),
    'person', case when plane.caller_person() is not null then jsonb_build_object(
      'user_id', v_claims -> 'user_id', 'email', v_claims -> 'email', 'role', v_claims -> 'role', 'aal', v_claims -> 'aal') end,
    'agent', case when v_wanted is not null then plane.agent_json(plane.find_agent(plane.agent_of(v_wanted), v_wanted)) end,
    'scopes', v_claims -> 'scopes');
end;
$$;

insert into gateway.verbs values ('get_caller', '', true);
