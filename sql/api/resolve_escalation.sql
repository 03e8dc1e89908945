-- Answers an escalation, or adds a vote to it.
-- payload: {id, outcome, form?, comment?, output?} · answers: {escalation, status: answered | voted, outcome, missing, due}
-- raises: 403 missing_scope, people_only, assigned_to_another, requester_may_not_decide, aal2_required, 404 escalation_not_found,
--         409 escalation_closed, 422 invalid_outcome, invalid_amount
create function api.resolve_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answered constant jsonb := plane.resolve_escalation(jsonb_strip_nulls(payload));
begin
  -- The answer that closed it is in the audit already.
  if v_answered ->> 'status' = 'voted' then
    perform plane.record_audit('vote_escalation', 'escalations', payload ->> 'id', jsonb_build_object('outcome', v_answered -> 'outcome'));
  end if;
  return jsonb_build_object(
    'escalation', plane.escalation_json(plane.find_escalation(payload ->> 'id'), true),
    'status', v_answered -> 'status', 'outcome', v_answered -> 'outcome', 'missing', v_answered -> 'missing', 'due', v_answered -> 'due');
end;
$$;

insert into gateway.verbs values ('resolve_escalation', '', false);
