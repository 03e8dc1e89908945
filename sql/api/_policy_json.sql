-- A policy as the API answers it.
create function plane.policy_json(p_policy plane.policies)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return to_jsonb(p_policy) - 'org_id';
end;
$$;
