-- A member as the API shows it.
create function plane.member_json(p_member plane.members)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'user_id', p_member.user_id,
    'email', p_member.email,
    'role', p_member.role,
    'may_decide_by_mail', p_member.may_decide_by_mail,
    'joined_at', p_member.joined_at,
    'last_seen_at', p_member.last_seen_at,
    'removed_at', p_member.removed_at);
$$;
