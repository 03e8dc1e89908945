-- Gives a member another role, none that can do what the caller cannot, or lets them decide by mail.
-- payload: {user_id, role?, may_decide_by_mail?} · answers: the member
-- raises: 403 owners_only, scope_not_held, 404 member_not_found, 409 last_owner
create function api.update_member(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user   constant uuid := (payload ->> 'user_id')::uuid;
  v_before plane.members;
  v_member plane.members;
begin
  select * into v_before from plane.members where org_id = plane.caller_org() and user_id = v_user and removed_at is null;
  if payload ->> 'role' is not null and payload ->> 'role' <> v_before.role then
    perform plane.require_may_appoint(v_before.role, payload ->> 'role');
    perform plane.require_scopes_of(
      array(select unnest(plane.role_scopes(payload ->> 'role')) except select unnest(plane.role_scopes(v_before.role))), null);
  end if;
  -- Read again: the owners are locked now, and what the caller may do was decided by the role that the member had.
  v_member := plane.find_member(v_user);
  if v_member.role is distinct from v_before.role then
    perform plane.raise_error(409, 'member_changed', 'Somebody else has just changed this member.', 'Read it again, then decide.');
  end if;
  if v_member.role = 'owner' and payload ->> 'role' <> 'owner' then
    perform plane.require_other_owner(v_user);
  end if;

  update plane.members
  set role = coalesce(payload ->> 'role', role),
    may_decide_by_mail = coalesce((payload ->> 'may_decide_by_mail')::boolean, may_decide_by_mail)
  where org_id = plane.caller_org() and user_id = v_user
  returning * into v_member;
  perform plane.record_audit('update_member', 'members', v_user::text,
    jsonb_build_object('role', v_member.role, 'may_decide_by_mail', v_member.may_decide_by_mail),
    plane.member_json(v_before), plane.member_json(v_member));
  perform plane.note_event('member.changed', jsonb_build_object(
    'user_id', v_user, 'email', v_member.email, 'role', v_member.role, 'former_role', v_before.role));
  return plane.member_json(v_member);
end;
$$;

insert into gateway.verbs values ('update_member', 'members:manage', false, '{operator,person}');
