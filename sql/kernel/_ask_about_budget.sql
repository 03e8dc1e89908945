-- Asks a person whether to raise a budget that is spent, or to stop. Answers the escalation's id.
create function plane._ask_about_budget(p_budget plane.budgets, p_told jsonb)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_what constant text := case p_budget.scope
    when 'workflow' then format('of the workflow %s', (select w.name from plane.workflows as w where w.id = p_budget.workflow_id))
    when 'agent' then format('of the agent %s', p_budget.agent_id)
    else 'of the organisation' end;
begin
  return (plane._open_escalation(p_budget.org_id, jsonb_build_object(
    'kind', 'question',
    'priority', 'high',
    'reason', format('The budget %s for this %s is spent: %s of %s USD. Paid steps wait. Raise it by how much (form: usd), or stop?',
      v_what, p_budget.period, p_told ->> 'spent_usd', p_told ->> 'limit_usd'),
    'context', p_told,
    'form', '{"usd": {"type": "number", "min": 0, "optional": true, "description": "USD more for this period; left out: its limit once more"}}'::jsonb,
    'outcomes', '["raise", "stop"]'::jsonb,
    'assign_to', '[{"role": "admin"}, {"role": "owner"}]'::jsonb,
    'workflow_id', p_budget.workflow_id,
    'agent_id', p_budget.agent_id))).id;
end;
$$;
