-- Erases a person: from now on they are called erased-…, and can do nothing here. What they decided stays decided.
-- payload: {user_id, email: as confirmation} · answers: the erasure · raises: 404 member_not_found, 409 last_owner, 422 not_confirmed
create function api.erase_person(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user   constant uuid := (payload ->> 'user_id')::uuid;
  v_member plane.members;
begin
  select * into v_member from plane.members where org_id = plane.caller_org() and user_id = v_user;
  if not found then
    perform plane.raise_error(404, 'member_not_found', format('There is no member %s.', v_user), 'List the members.');
  elsif lower(v_member.email) is distinct from lower(payload ->> 'email') then
    perform plane.raise_error(422, 'not_confirmed', 'The address does not belong to this member.',
      'Send the address of the member whose data is to be erased, as confirmation: nothing brings it back.');
  elsif v_member.role = 'owner' and v_member.removed_at is null then
    perform plane.require_may_appoint('owner');
    perform plane.require_other_owner(v_user);
  end if;
  perform plane.record_audit('erase_person', 'members', v_user::text, '{}');
  return plane.erasure_json(gateway.begin_erasure(jsonb_build_object('user_id', v_user)));
end;
$$;

insert into gateway.verbs values ('erase_person', 'data:manage', false);
