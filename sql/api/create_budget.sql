-- Sets what an organisation, a workflow or an agent may spend in a day or a month. What was spent in this period already counts.
-- payload: {scope, workflow_id?, agent_id?, period, limit_usd, on_reached, warn_at?}
-- answers: the budget · raises: 403 quota_exceeded, 404 workflow_not_found, 409 budget_exists, 422 unknown_agent
create function api.create_budget(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant uuid := gen_random_uuid();
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  if payload ->> 'workflow_id' is not null
    and not exists (select from plane.workflows where org_id = plane.caller_org() and id = (payload ->> 'workflow_id')::uuid)
  then
    perform plane.raise_error(404, 'workflow_not_found', format('There is no workflow %s.', payload ->> 'workflow_id'), 'List the workflows.',
      '{"next": [{"why": "list the workflows", "method": "GET", "path": "/api/workflows"}]}');
  end if;

  insert into plane.budgets (id, org_id, scope, workflow_id, agent_id, period, limit_usd, on_reached, warn_at, created_by)
  values (
    v_id, plane.caller_org(), payload ->> 'scope', (payload ->> 'workflow_id')::uuid, (payload ->> 'agent_id')::uuid, payload ->> 'period',
    (payload ->> 'limit_usd')::numeric, payload ->> 'on_reached', (payload ->> 'warn_at')::numeric, plane.caller_actor())
  on conflict do nothing;
  if not found then
    perform plane.raise_error(409, 'budget_exists', format('There is a budget of this %s for a %s already.', payload ->> 'scope', payload ->> 'period'),
      'Change that one: PATCH /api/budgets/{id}.', '{"next": [{"why": "list the budgets", "method": "GET", "path": "/api/budgets"}]}');
  end if;
  perform plane.check_quota('budgets');
  perform plane.record_audit('create_budget', 'budgets', v_id::text, payload);
  return api.list_budgets(jsonb_build_object('id', v_id)) -> 'data' -> 0;
end;
$$;

insert into gateway.verbs values ('create_budget', 'limits:manage', false);
