-- What the caller's organisation says about models: which it is, its policies of that kind, and its budgets that are used up.
-- Called by api.get_model_rules. Whoever may call a model outside of an execution has to know them, whatever else they may read.
create function plane.model_rules()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane._require_org();
begin
  return jsonb_build_object(
    'org_id', v_org,
    'policies', (
      select coalesce(jsonb_agg(to_jsonb(p) - '{org_id,is_enabled,created_by,created_at,updated_at}'::text[]), '[]')
      from plane.policies as p
      where p.org_id = v_org and p.is_enabled and p.kind = 'model'),
    'budgets', (
      select coalesce(jsonb_agg(b), '[]')
      from jsonb_array_elements(plane.budget_states(v_org)) as b
      where b ->> 'scope' = 'organisation' and (b ->> 'is_reached')::boolean));
end;
$$;

alter function plane.model_rules() owner to plane_kernel;
