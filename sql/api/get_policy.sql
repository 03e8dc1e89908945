-- One policy.
-- payload: {id} · answers: the policy · raises: 404 policy_not_found
create function api.get_policy(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return plane.policy_json(plane.find_policy((payload ->> 'id')::uuid));
end;
$$;

insert into gateway.verbs values ('get_policy', 'policies:manage', true);
