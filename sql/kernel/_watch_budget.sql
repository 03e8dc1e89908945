-- Does for one budget what its state asks for. p_state: of plane.budget_states. Answers the doorbells of steps that waited for it.
-- Called by plane.watch_budgets.
create function plane._watch_budget(p_org_id uuid, p_state jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_start  constant date := (p_state ->> 'period_start')::date;
  v_limit  constant numeric := (p_state ->> 'limit_usd')::numeric;
  v_spent  constant numeric := (p_state ->> 'spent_usd')::numeric;
  v_told   constant jsonb := jsonb_build_object('budget_id', p_state -> 'id', 'scope', p_state -> 'scope', 'workflow_id', p_state -> 'workflow_id',
    'agent_id', p_state -> 'agent_id', 'period', p_state -> 'period', 'period_start', v_start, 'limit_usd', v_limit::text,
    'spent_usd', v_spent::text, 'unknown_calls', p_state -> 'unknown_calls', 'on_reached', p_state -> 'on_reached');
  v_budget plane.budgets;
begin
  select * into v_budget from plane.budgets where id = (p_state ->> 'id')::uuid for no key update skip locked;
  if not found then
    return '[]';
  end if;

  if v_budget.escalation_id is not null and v_budget.reached_on is distinct from v_start then
    -- The period is over, or somebody set another limit: nobody needs an answer any more.
    perform plane._close_escalation(v_budget.escalation_id, 'cancelled', null);
    update plane.budgets set escalation_id = null where id = v_budget.id;
  elsif v_budget.escalation_id is not null then
    perform plane._take_budget_answer(v_budget, v_start);
    return '[]'; -- what it says holds from the next look on
  end if;

  if v_spent < v_limit then
    if v_budget.reached_on = v_start then
      update plane.budgets set reached_on = null where id = v_budget.id;
    end if;
    if v_spent >= v_limit * v_budget.warn_at and v_budget.warned_on is distinct from v_start then
      update plane.budgets set warned_on = v_start where id = v_budget.id;
      perform plane._record_event(p_org_id, null, 'budget.warned', null, v_told || jsonb_build_object('warn_at', v_budget.warn_at));
    end if;
  elsif v_budget.reached_on is distinct from v_start then
    update plane.budgets
    set reached_on = v_start, escalation_id = case
      when v_budget.on_reached = 'ask' and v_budget.stopped_on is distinct from v_start then plane._ask_about_budget(v_budget, v_told) end
    where id = v_budget.id
    returning * into v_budget;
    perform plane._record_event(p_org_id, null, 'budget.reached', null,
      v_told || jsonb_build_object('escalation_id', v_budget.escalation_id));
    perform plane.record_plane_audit(p_org_id, 'reach_budget', 'budgets', v_budget.id::text,
      jsonb_build_object('limit_usd', v_limit::text, 'spent_usd', v_spent::text));
  end if;

  return case
    when v_budget.on_reached <> 'ask' then '[]'
    when v_spent < v_limit then plane._release_over_budget(v_budget, 'approve')
    when v_budget.stopped_on = v_start then plane._release_over_budget(v_budget, 'reject')
    else '[]' end;
end;
$$;
