-- Takes somebody out of the organisation: their next request is refused. Anybody may leave. Again is the same.
-- payload: {user_id} · answers: the member
-- raises: 403 missing_scope, owners_only, 404 member_not_found, 409 last_owner
create function api.remove_member(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user   constant uuid := (payload ->> 'user_id')::uuid;
  v_is_me  constant boolean := plane.caller_person() is not distinct from v_user;
  v_member plane.members;
begin
  if not v_is_me and not plane.caller_has_scope('members:manage') then
    perform plane.raise_error(403, 'missing_scope', 'Removing somebody else needs the scope members:manage.',
      'Ask an owner or an admin of the organisation.', '{"scope": "members:manage"}');
  end if;
  select * into v_member from plane.members where org_id = plane.caller_org() and user_id = v_user;
  if v_member.removed_at is not null then
    return plane.member_json(v_member);
  elsif v_member.role = 'owner' then
    perform plane.require_may_appoint('owner');
  end if;
  v_member := plane.find_member(v_user);
  if v_member.role = 'owner' then
    perform plane.require_may_appoint('owner');
    perform plane.require_other_owner(v_user);
  end if;

  update plane.members set removed_at = plane.clock()
  where org_id = plane.caller_org() and user_id = v_user
  returning * into v_member;
  update plane.invitations set revoked_at = plane.clock()
  where org_id = plane.caller_org() and accepted_at is null and revoked_at is null
    and (lower(email) = lower(v_member.email) or created_by ->> 'id' = v_user::text);
  perform plane.record_audit('remove_member', 'members', v_user::text, jsonb_build_object('role', v_member.role),
    plane.member_json(v_member) || '{"removed_at": null}');
  perform plane.note_event('member.removed', jsonb_build_object('user_id', v_user, 'email', v_member.email, 'role', v_member.role));
  return plane.member_json(v_member);
end;
$$;

insert into gateway.verbs values ('remove_member', '', false, '{operator,person}');
