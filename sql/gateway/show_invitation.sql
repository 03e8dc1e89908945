-- What an open invitation offers, to who holds its token. Called by api.call_public.
-- p: {token_hash: hex sha256 of the token} · answers: {organisation, email, role, invited_by, expires_at}
-- Raises 404 invitation_not_found, also for one that was accepted, revoked or has expired.
create function gateway.show_invitation(p jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_invitation constant plane.invitations := gateway._find_invitation(p ->> 'token_hash');
begin
  return jsonb_build_object(
    'organisation', (select o.name from plane.organisations as o where o.id = v_invitation.org_id),
    'email', v_invitation.email,
    'role', v_invitation.role,
    'invited_by', v_invitation.created_by -> 'label',
    'expires_at', v_invitation.expires_at);
end;
$$;

alter function gateway.show_invitation(jsonb) owner to plane_gateway;
