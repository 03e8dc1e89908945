-- What a runner must know before the steps of an organisation: its policies, how its budgets stand, the names of its secrets.
--
-- p: {execution_id} → {policies: [{id, name, effect, kind, pattern, workflows, agents, priority, reason}], budgets, secrets}
-- Runners keep the answer for a few seconds, an organisation each.
create function plane.load_guard(p jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org uuid;
begin
  select org_id into v_org from plane.executions where id = (p ->> 'execution_id')::uuid;
  return jsonb_build_object(
    'policies', (
      select coalesce(jsonb_agg(to_jsonb(q) - '{org_id,is_enabled,created_by,created_at,updated_at}'::text[]), '[]')
      from plane.policies as q
      where q.org_id = v_org and q.is_enabled),
    'budgets', plane.budget_states(v_org),
    'secrets', (select coalesce(jsonb_agg(s.name), '[]') from plane.secrets as s where s.org_id = v_org));
end;
$$;

alter function plane.load_guard(jsonb) owner to plane_kernel;
