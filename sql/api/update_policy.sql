-- Changes fields of a policy.
-- payload: {id, changes} · answers: the policy · raises: 404 policy_not_found, 409 policy_name_taken
create function api.update_policy(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before  constant plane.policies := plane.find_policy((payload ->> 'id')::uuid);
  v_changes constant jsonb := payload -> 'changes';
  v_policy  plane.policies;
begin
  update plane.policies as p
  set
    name = coalesce(v_changes ->> 'name', p.name),
    effect = coalesce(v_changes ->> 'effect', p.effect),
    kind = coalesce(v_changes ->> 'kind', p.kind),
    pattern = coalesce(v_changes ->> 'pattern', p.pattern),
    workflows = case when v_changes ? 'workflows' then array(select jsonb_array_elements_text(v_changes -> 'workflows')) else p.workflows end,
    agents = case when v_changes ? 'agents' then array(select jsonb_array_elements_text(v_changes -> 'agents')) else p.agents end,
    priority = coalesce((v_changes ->> 'priority')::int, p.priority),
    reason = case when v_changes ? 'reason' then v_changes ->> 'reason' else p.reason end,
    is_enabled = coalesce((v_changes ->> 'is_enabled')::boolean, p.is_enabled),
    updated_at = plane.clock()
  where p.id = v_before.id
  returning * into v_policy;
  perform plane.record_audit('update_policy', 'policies', v_policy.id::text,
    jsonb_build_object('name', v_policy.name, 'fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)),
    plane.policy_json(v_before), plane.policy_json(v_policy));
  return plane.policy_json(v_policy);
exception
  when unique_violation then
    perform plane.raise_error(409, 'policy_name_taken', format('Another policy is called %s.', v_changes ->> 'name'), 'Choose another name.');
    return null;
end;
$$;

insert into gateway.verbs values ('update_policy', 'policies:manage', false);
