-- Whether a member may answer an escalation by a link in a mail: an admin allowed it to them, and nothing else stands against it.
create function plane._may_be_mailed(p_escalation plane.escalations, p_member plane.members)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return p_escalation.decided_at is null and p_member.may_decide_by_mail and p_member.removed_at is null
    and plane.refusal_of(p_escalation, p_member.user_id, jsonb_build_object(
      'user_id', p_member.user_id, 'email', p_member.email, 'role', p_member.role,
      'scopes', plane.role_scopes(p_member.role), 'aal', 'aal1')) is null;
end;
$$;
