-- Why somebody may not answer an escalation: people_only, missing_scope, assigned_to_another, requester_may_not_decide or
-- aal2_required. Null: they may. The one place that knows these rules.
-- p_person: their id, null for keys · p_claims: as a door sets them: scopes, key_kind, user_id, email, role, aal
create function plane.refusal_of(p_escalation plane.escalations, p_person uuid, p_claims jsonb)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_scope constant text := case p_escalation.kind when 'question' then 'escalations:write' else 'approvals:decide' end;
begin
  if p_person is null
    and not (p_escalation.kind = 'question' and p_escalation.answerable_by = 'anyone')
    and not (p_escalation.kind in ('budget', 'unknown') and p_claims ->> 'key_kind' is not distinct from 'operator')
  then
    return 'people_only';
  elsif not coalesce(p_claims -> 'scopes' ? v_scope, false) then
    return 'missing_scope';
  elsif p_escalation.assign_to <> '[]' and (p_person is null or not plane.is_assigned(p_escalation.assign_to, p_claims)) then
    return 'assigned_to_another';
  elsif p_person = p_escalation.requester_id and plane.needs_another(p_escalation) then
    return 'requester_may_not_decide';
  elsif p_escalation.needs_aal2 and p_claims ->> 'aal' is distinct from 'aal2' then
    return 'aal2_required';
  end if;
  return null;
end;
$$;
