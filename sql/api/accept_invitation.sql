-- Joins an organisation by the token of an invitation to the caller's address. They need not be a member of any. Again is the same.
-- payload: {token_hash: hex sha256 of the token} · answers: {organisation: {id, name}, member}
-- raises: 401, 403 wrong_address, address_unconfirmed, 404 invitation_not_found
create function api.accept_invitation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_accepted constant jsonb := gateway.accept_invitation(payload);
  v_member   constant plane.members := jsonb_populate_record(null::plane.members, v_accepted -> 'member');
begin
  perform set_config('request.jwt.claims', (v_accepted -> 'claims')::text, true); -- a member from here on
  if (v_accepted ->> 'has_joined')::boolean then
    perform plane.check_quota('members');
    perform plane.record_audit('accept_invitation', 'members', v_member.user_id::text,
      jsonb_build_object('invitation_id', v_accepted -> 'invitation_id', 'role', v_member.role));
    perform plane.note_event('member.joined', jsonb_build_object(
      'user_id', v_member.user_id, 'email', v_member.email, 'role', v_member.role));
  end if;
  return jsonb_build_object(
    'organisation', (select jsonb_build_object('id', o.id, 'name', o.name) from plane.organisations as o where o.id = v_member.org_id),
    'member', plane.member_json(v_member));
end;
$$;

insert into gateway.verbs values ('accept_invitation', '', false, '{user}');
