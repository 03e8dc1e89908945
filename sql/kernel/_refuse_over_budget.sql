-- Raises 402 budget_exhausted when a budget with which a start would count is spent and says stop. One index probe where there is none.
-- Reads what plane.watch_budgets found, so a start may pass for some seconds more; paid steps ask plane.budget_states themselves.
create function plane._refuse_over_budget(p_org_id uuid, p_workflow_id uuid, p_agent_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    constant timestamptz := plane.clock();
  v_budget plane.budgets;
  v_until  timestamptz;
begin
  for v_budget in select * from plane.budgets where org_id = p_org_id order by created_at, id loop
    continue when v_budget.reached_on is distinct from plane._period_start(v_budget.period, v_now)
      or v_budget.on_reached <> 'stop' and v_budget.stopped_on is distinct from v_budget.reached_on
      or v_budget.workflow_id <> p_workflow_id
      or v_budget.agent_id is not null and v_budget.agent_id is distinct from p_agent_id;
    v_until := (v_budget.reached_on + ('1 ' || v_budget.period)::interval) at time zone 'UTC';
    perform plane.raise_error(402, 'budget_exhausted',
      format('The budget of this %s is spent for the %s: %s USD.', v_budget.scope, v_budget.period, v_budget.limit_usd::text),
      format('It begins anew at %s. Who may manage limits can raise it: PATCH /api/budgets/%s.', plane.time_text(v_until), v_budget.id),
      jsonb_build_object('budget_id', v_budget.id, 'scope', v_budget.scope, 'period', v_budget.period,
        'limit_usd', v_budget.limit_usd::text, 'resets_at', plane.time_text(v_until)));
  end loop;
end;
$$;
