-- The claims of a person who has become a member in this transaction: what they had, and the organisation.
-- Called by gateway.accept_invitation and gateway.found_organisation.
create function gateway._claims_of(p_member plane.members, p_claims jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return p_claims || jsonb_build_object(
    'org_id', p_member.org_id, 'role', p_member.role, 'scopes', plane.role_scopes(p_member.role));
end;
$$;

alter function gateway._claims_of(plane.members, jsonb) owner to plane_gateway;
