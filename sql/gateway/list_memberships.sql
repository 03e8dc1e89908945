-- The organisations of the calling person: [{id, name, role, joined_at}], by name. Who it is comes from the claims.
-- Called by api.list_organisations and api.create_organisation, as authenticated.
create function gateway.list_memberships()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user constant uuid := plane.require_user();
begin
  return (
    select coalesce(
      jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'role', m.role, 'joined_at', m.joined_at) order by o.name), '[]')
    from plane.members as m
    join plane.organisations as o on o.id = m.org_id
    where m.user_id = v_user and m.removed_at is null);
end;
$$;

alter function gateway.list_memberships() owner to plane_gateway;
