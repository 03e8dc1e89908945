-- Why the caller may not answer an escalation: people_only, missing_scope, assigned_to_another, requester_may_not_decide or
-- aal2_required. Null: they may. The one place that knows these rules.
create function plane.refusal_to_answer(p_escalation plane.escalations)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := plane.caller_claims();
  v_person constant uuid := plane.caller_person();
begin
  if v_person is null
    and not (p_escalation.kind = 'question' and p_escalation.answerable_by = 'anyone')
    and not (p_escalation.kind in ('budget', 'unknown') and v_claims ->> 'key_kind' is not distinct from 'operator')
  then
    return 'people_only';
  elsif not plane.caller_has_scope(case p_escalation.kind when 'question' then 'escalations:write' else 'approvals:decide' end) then
    return 'missing_scope';
  elsif p_escalation.assign_to <> '[]' and (v_person is null or not plane.is_assigned(p_escalation.assign_to, v_claims)) then
    return 'assigned_to_another';
  elsif v_person = p_escalation.requester_id and plane.needs_another(p_escalation) then
    return 'requester_may_not_decide';
  elsif p_escalation.needs_aal2 and v_claims ->> 'aal' is distinct from 'aal2' then
    return 'aal2_required';
  end if;
  return null;
end;
$$;
