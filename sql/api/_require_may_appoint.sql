-- Refuses to give or take the role owner, unless an owner does it; or an operator's key, as long as there is no owner yet.
-- p_roles: what the member is and shall be · Locks: the owners, so that two of them do not remove each other at once.
-- raises: 403 owners_only
create function plane.require_may_appoint(variadic p_roles text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if 'owner' <> all (p_roles) then
    return;
  end if;
  perform from plane.members
  where org_id = plane.caller_org() and role = 'owner' and removed_at is null
  order by user_id
  for no key update;
  if plane.caller_claims() ->> 'role' = 'owner' or (not found and plane.caller_claims() ->> 'key_kind' = 'operator') then
    return;
  end if;
  perform plane.raise_error(403, 'owners_only', 'Only an owner makes or unmakes owners.', 'Ask an owner of the organisation.');
end;
$$;
