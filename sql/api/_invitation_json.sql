-- An invitation as the API shows it: never its token.
create function plane.invitation_json(p_invitation plane.invitations)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', p_invitation.id,
    'email', p_invitation.email,
    'role', p_invitation.role,
    'status', case
      when p_invitation.accepted_at is not null then 'accepted'
      when p_invitation.revoked_at is not null then 'revoked'
      when p_invitation.expires_at <= plane.clock() then 'expired'
      else 'open' end,
    'created_by', p_invitation.created_by,
    'created_at', p_invitation.created_at,
    'expires_at', p_invitation.expires_at,
    'accepted_at', p_invitation.accepted_at,
    'accepted_by', p_invitation.accepted_by,
    'revoked_at', p_invitation.revoked_at);
$$;
