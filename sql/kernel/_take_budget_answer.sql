-- Does what a person answered about a spent budget: raises it for the period, by its own limit when no amount was given, or stops.
-- An escalation that ended otherwise (dismissed, timed out) stops, too. The caller holds the budget.
create function plane._take_budget_answer(p_budget plane.budgets, p_start date)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asked plane.escalations;
  v_usd   numeric;
begin
  select * into v_asked from plane.escalations where id = p_budget.escalation_id;
  if v_asked.status in ('open', 'claimed') then
    return;
  elsif v_asked.outcome is distinct from 'raise' then
    update plane.budgets set stopped_on = p_start, escalation_id = null where id = p_budget.id;
    return;
  end if;

  v_usd := case when v_asked.answer ->> 'usd' ~ '^\d{1,9}(\.\d{1,9})?$' and (v_asked.answer ->> 'usd')::numeric > 0
    then (v_asked.answer ->> 'usd')::numeric else p_budget.limit_usd end;
  update plane.budgets
  set
    raised_usd = case when raised_on = p_start then raised_usd else 0 end + v_usd,
    raised_on = p_start,
    reached_on = null,
    escalation_id = null
  where id = p_budget.id;
  perform plane._record_event(p_budget.org_id, null, 'budget.raised', null, jsonb_build_object(
    'budget_id', p_budget.id, 'usd', v_usd::text, 'period_start', p_start, 'escalation_id', v_asked.id, 'by', v_asked.decided_by));
  perform plane.record_plane_audit(p_budget.org_id, 'raise_budget', 'budgets', p_budget.id::text,
    jsonb_build_object('usd', v_usd::text, 'escalation_id', v_asked.id, 'by', v_asked.decided_by));
end;
$$;
