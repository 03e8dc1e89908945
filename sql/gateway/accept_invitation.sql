-- Makes the calling person a member by the token of an invitation to their address. Again gives the same answer.
--
-- p: {token_hash: hex sha256 of the token} · answers: {claims: the member's, member, has_joined: whether it was done just now}
-- Called by api.accept_invitation, as authenticated: who it is comes from the claims. Locks: the invitation.
-- Raises 403 wrong_address, address_unconfirmed · 404 invitation_not_found.
create function gateway.accept_invitation(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims     constant jsonb := plane.caller_claims();
  v_user       constant uuid := plane.require_user();
  v_email      constant text := lower(v_claims ->> 'email');
  v_invitation plane.invitations;
  v_member     plane.members;
begin
  select * into v_invitation
  from plane.invitations
  where token_hash = case when p ->> 'token_hash' ~ '^[0-9a-f]{64}$' then sha256(decode(p ->> 'token_hash', 'hex')) end
  for no key update;
  if v_invitation.accepted_by is distinct from v_user then
    v_invitation := gateway._find_invitation(p ->> 'token_hash');
    if v_email is null then
      perform plane.raise_error(403, 'address_unconfirmed', 'Your access token names no confirmed address.',
        'Sign in with the address that was invited.');
    elsif v_email <> lower(v_invitation.email) then
      perform plane.raise_error(403, 'wrong_address', format('This invitation is not for %s.', v_email),
        'Sign in with the address that was invited.');
    end if;

    insert into plane.members as m (org_id, user_id, email, role)
    values (v_invitation.org_id, v_user, v_email, v_invitation.role)
    on conflict (org_id, user_id) do update
    set role = excluded.role, email = excluded.email, joined_at = plane.clock(), removed_at = null, may_decide_by_mail = false
    where m.removed_at is not null;
    update plane.invitations set accepted_at = plane.clock(), accepted_by = v_user where id = v_invitation.id;
  end if;

  select * into v_member from plane.members where org_id = v_invitation.org_id and user_id = v_user;
  if v_member.removed_at is not null then
    perform plane.raise_error(404, 'invitation_not_found', 'This invitation was used.', 'Ask who invited you for a new one.');
  end if;
  return jsonb_build_object(
    'claims', gateway._claims_of(v_member, v_claims),
    'member', to_jsonb(v_member),
    'invitation_id', v_invitation.id,
    'has_joined', v_invitation.accepted_at is null);
end;
$$;

alter function gateway.accept_invitation(jsonb) owner to plane_gateway;
