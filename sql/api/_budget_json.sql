-- A budget as the API shows it: how it was set and how it stands. forecast_usd: what the period will cost if it goes on like this.
-- p_state: its entry of plane.budget_states
create function plane.budget_json(p_budget plane.budgets, p_state jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     constant timestamptz := plane.clock();
  v_start   constant timestamptz := (p_state ->> 'period_start')::timestamp at time zone 'UTC';
  v_end     constant timestamptz := (p_state ->> 'resets_at')::timestamptz;
  v_limit   constant numeric := (p_state ->> 'limit_usd')::numeric;
  v_spent   constant numeric := (p_state ->> 'spent_usd')::numeric;
  v_elapsed constant numeric := greatest(extract(epoch from v_now - v_start), 1);
begin
  return jsonb_build_object(
    'id', p_budget.id, 'scope', p_budget.scope, 'workflow_id', p_budget.workflow_id, 'agent_id', p_budget.agent_id, 'period', p_budget.period,
    'limit_usd', p_budget.limit_usd::text, 'on_reached', p_budget.on_reached, 'warn_at', p_budget.warn_at,
    'created_by', p_budget.created_by, 'created_at', p_budget.created_at, 'updated_at', p_budget.updated_at,
    'state', jsonb_build_object(
      'status', case
        when v_spent < v_limit then case when v_spent >= v_limit * p_budget.warn_at then 'warning' else 'open' end
        when p_state ->> 'on_reached' = 'stop' then 'stopped' else 'asking' end,
      'period_start', v_start, 'resets_at', v_end, 'raised_usd', (p_state ->> 'raised_usd')::numeric(18, 9)::text,
      'spent_usd', v_spent::numeric(18, 9)::text, 'left_usd', greatest(v_limit - v_spent, 0)::numeric(18, 9)::text,
      'unknown_calls', p_state -> 'unknown_calls',
      'forecast_usd', (v_spent * greatest(extract(epoch from v_end - v_start) / v_elapsed, 1))::numeric(18, 9)::text,
      'escalation_id', p_state -> 'escalation_id'));
end;
$$;
