-- A member who has not been removed, locked until the end. raises: 404 member_not_found
create function plane.find_member(p_user_id uuid)
returns plane.members
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_member plane.members;
begin
  select * into v_member
  from plane.members
  where org_id = plane.caller_org() and user_id = p_user_id and removed_at is null
  for no key update;
  if v_member.user_id is null then
    perform plane.raise_error(404, 'member_not_found', format('There is no member %s.', p_user_id), 'GET /api/members lists them.');
  end if;
  return v_member;
end;
$$;
