-- Takes an invitation back. Again is the same.
-- payload: {id} · answers: the invitation · raises: 404 invitation_not_found, 409 already_accepted
create function api.revoke_invitation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_invitation plane.invitations;
begin
  select * into v_invitation
  from plane.invitations
  where org_id = plane.caller_org() and id = (payload ->> 'id')::uuid
  for no key update;
  if v_invitation.id is null then
    perform plane.raise_error(404, 'invitation_not_found', format('There is no invitation %s.', payload ->> 'id'),
      'GET /api/invitations lists them.');
  elsif v_invitation.accepted_at is not null then
    perform plane.raise_error(409, 'already_accepted', 'The invitation was accepted.', 'DELETE /api/members/{user_id} takes them out.');
  elsif v_invitation.revoked_at is null then
    update plane.invitations set revoked_at = plane.clock()
    where org_id = plane.caller_org() and id = v_invitation.id
    returning * into v_invitation;
    perform plane.record_audit('revoke_invitation', 'invitations', v_invitation.id::text,
      jsonb_build_object('email', v_invitation.email));
  end if;
  return plane.invitation_json(v_invitation);
end;
$$;

insert into gateway.verbs values ('revoke_invitation', 'members:manage', false, '{operator,person}');
