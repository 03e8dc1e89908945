-- A policy of the caller's organisation, by id. Raises 404 policy_not_found.
create function plane.find_policy(p_id uuid)
returns plane.policies
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy plane.policies;
begin
  select * into v_policy from plane.policies where org_id = plane.caller_org() and id = p_id;
  if not found then
    perform plane.raise_error(404, 'policy_not_found', format('There is no policy %s.', p_id), 'List the policies.',
      '{"next": [{"why": "list the policies", "method": "GET", "path": "/api/policies"}]}');
  end if;
  return v_policy;
end;
$$;
