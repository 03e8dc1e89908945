-- Refuses to leave the organisation without an owner. The caller has locked the owners (plane.require_may_appoint).
-- raises: 409 last_owner
create function plane.require_other_owner(p_user_id uuid)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from plane.members
    where org_id = plane.caller_org() and role = 'owner' and removed_at is null and user_id <> p_user_id)
  then
    perform plane.raise_error(409, 'last_owner', 'This is the only owner of the organisation.', 'Make somebody else an owner first.');
  end if;
end;
$$;
