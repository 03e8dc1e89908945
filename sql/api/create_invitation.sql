-- Invites an address; an open invitation to the same one ends. Nobody gives a role that can do what they cannot.
-- payload: {email, role, token_hash: hex sha256 of the token, expires_in_seconds} · answers: the invitation
-- raises: 403 owners_only, scope_not_held, 409 already_member
create function api.create_invitation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_email      constant text := lower(payload ->> 'email');
  v_invitation plane.invitations;
begin
  perform plane.require_may_appoint(payload ->> 'role');
  perform plane.require_scopes_of(plane.role_scopes(payload ->> 'role'), null);
  if exists (
    select from plane.members where org_id = plane.caller_org() and lower(email) = v_email and removed_at is null)
  then
    perform plane.raise_error(409, 'already_member', format('%s is a member already.', v_email),
      'PATCH /api/members/{user_id} gives another role.');
  end if;

  update plane.invitations set revoked_at = plane.clock()
  where org_id = plane.caller_org() and lower(email) = v_email and accepted_at is null and revoked_at is null;
  insert into plane.invitations (org_id, email, role, token_hash, created_by, expires_at)
  values (
    plane.caller_org(), v_email, payload ->> 'role', sha256(decode(payload ->> 'token_hash', 'hex')), plane.caller_actor(),
    plane.clock() + make_interval(secs => (payload ->> 'expires_in_seconds')::float8))
  on conflict (org_id, lower(email)) where accepted_at is null and revoked_at is null do nothing
  returning * into v_invitation;
  if v_invitation.id is null then
    perform plane.raise_error(409, 'already_invited', format('Somebody else has just invited %s.', v_email),
      'Read the list of invitations, then decide.');
  end if;
  perform plane.record_audit('create_invitation', 'invitations', v_invitation.id::text,
    jsonb_build_object('email', v_email, 'role', v_invitation.role));
  perform plane.note_event('member.invited', jsonb_build_object(
    'invitation_id', v_invitation.id, 'email', v_email, 'role', v_invitation.role));
  return plane.invitation_json(v_invitation);
end;
$$;

insert into gateway.verbs values ('create_invitation', 'members:manage', false, '{operator,person}');
