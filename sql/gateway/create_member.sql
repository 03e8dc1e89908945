-- Makes a person a member, or changes what they are. Only for the owner of the database: everybody else is invited.
create function gateway.create_member(p_org_id uuid, p_user_id uuid, p_email text, p_role text)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.members as m (org_id, user_id, email, role)
  values (p_org_id, p_user_id, lower(p_email), p_role)
  on conflict (org_id, user_id) do update
  set role = excluded.role, email = excluded.email, removed_at = null,
    joined_at = case when m.removed_at is null then m.joined_at else plane.clock() end;
$$;

alter function gateway.create_member(uuid, uuid, text, text) owner to plane_gateway;
