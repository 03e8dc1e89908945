-- Deletes a policy.
-- payload: {id} · answers: {id} · raises: 404 policy_not_found
create function api.delete_policy(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy constant plane.policies := plane.find_policy((payload ->> 'id')::uuid);
begin
  delete from plane.policies where id = v_policy.id;
  perform plane.record_audit('delete_policy', 'policies', v_policy.id::text, jsonb_build_object('name', v_policy.name),
    plane.policy_json(v_policy));
  return jsonb_build_object('id', v_policy.id);
end;
$$;

insert into gateway.verbs values ('delete_policy', 'policies:manage', false);
