-- Notes that a member was seen, and the address that their token says; never waits for another request that notes the same.
-- Called by gateway.authenticate_person, at most once in five minutes for a member whose address is still the same.
create function gateway._note_member(p_member plane.members, p_email text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update plane.members
  set last_seen_at = plane.clock(), email = p_email
  where (org_id, user_id) = (
    select org_id, user_id from plane.members where org_id = p_member.org_id and user_id = p_member.user_id
    for no key update skip locked);
end;
$$;

alter function gateway._note_member(plane.members, text) owner to plane_gateway;
