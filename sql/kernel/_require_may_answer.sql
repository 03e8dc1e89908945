-- Raises 403 with the code of plane.refusal_to_answer unless the caller may answer an escalation.
create function plane._require_may_answer(p_escalation plane.escalations)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_code  constant text := plane.refusal_to_answer(p_escalation);
  v_scope constant text := case p_escalation.kind when 'question' then 'escalations:write' else 'approvals:decide' end;
begin
  case v_code
    when 'people_only' then
      perform plane.raise_error(403, v_code, 'Only a person who is signed in may decide this; a key may not.',
        'Sign in (agentplane login, or the sign-in page) and send the access token; or ask somebody who may decide.');
    when 'missing_scope' then
      perform plane.raise_error(403, v_code, format('Deciding this needs the scope %s.', v_scope),
        'Ask somebody with the role approver or above.', jsonb_build_object('scope', v_scope));
    when 'assigned_to_another' then
      perform plane.raise_error(403, v_code, 'This is assigned to somebody else.',
        'Ask an owner or an admin to assign it to you.', jsonb_build_object('assign_to', p_escalation.assign_to));
    when 'requester_may_not_decide' then
      perform plane.raise_error(403, v_code, 'Who asked for this may not decide it too.', 'Ask another person.');
    when 'aal2_required' then
      perform plane.raise_error(403, v_code, 'This needs a sign-in with a second factor.',
        'Confirm the second factor (aal2) and send the new access token.');
    else null;
  end case;
end;
$$;
