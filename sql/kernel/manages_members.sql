-- Whether the caller is a person who manages the organisation's members: an owner or an admin.
create function plane.manages_members()
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return plane.caller_person() is not null and plane.caller_has_scope('members:manage');
end;
$$;
