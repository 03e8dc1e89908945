-- Adds a policy. It holds within a few seconds, wherever steps run.
-- payload: {name, effect, kind, pattern, workflows?, agents?, priority?, reason?, is_enabled?}
-- answers: the policy · raises: 409 policy_name_taken, too_many_policies
create function api.create_policy(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy plane.policies;
begin
  if (select count(*) from plane.policies where org_id = plane.caller_org()) >= 500 then
    perform plane.raise_error(409, 'too_many_policies', 'An organisation can have 500 policies.', 'Join some by a pattern.');
  end if;
  insert into plane.policies (org_id, name, effect, kind, pattern, workflows, agents, priority, reason, is_enabled, created_by)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'effect', payload ->> 'kind', payload ->> 'pattern',
    array(select jsonb_array_elements_text(coalesce(payload -> 'workflows', '[]'))),
    array(select jsonb_array_elements_text(coalesce(payload -> 'agents', '[]'))),
    coalesce((payload ->> 'priority')::int, 0), payload ->> 'reason', coalesce((payload ->> 'is_enabled')::boolean, true),
    plane.caller_actor())
  returning * into v_policy;
  perform plane.record_audit('create_policy', 'policies', v_policy.id::text,
    jsonb_build_object('name', v_policy.name, 'effect', v_policy.effect, 'kind', v_policy.kind, 'pattern', v_policy.pattern),
    null, plane.policy_json(v_policy));
  return plane.policy_json(v_policy);
exception
  when unique_violation then
    perform plane.raise_error(409, 'policy_name_taken', format('Another policy is called %s.', payload ->> 'name'), 'Choose another name.');
    return null;
end;
$$;

insert into gateway.verbs values ('create_policy', 'policies:manage', false);
