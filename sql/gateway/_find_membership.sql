-- A person's membership: of the organisation that they name by id or name, or of the only one that they have.
--
-- An organisation that is not there and one that they are no member of get the same answer.
-- Called by gateway.authenticate_person. Raises 403 not_a_member · 409 organisation_required, with organisations: [{id, name, role}].
create function gateway._find_membership(p_user_id uuid, p_organisation text)
returns plane.members
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found plane.members[];
  v_names jsonb;
begin
  select array_agg(m), jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'role', m.role) order by o.name)
  into v_found, v_names
  from plane.members as m
  join plane.organisations as o on o.id = m.org_id
  where m.user_id = p_user_id and m.removed_at is null
    and (p_organisation is null or o.id::text = lower(p_organisation) or o.name = p_organisation);

  if v_found is null then
    perform plane.raise_error(403, 'not_a_member',
      case when p_organisation is null then 'You are not a member of any organisation.'
        else format('You are not a member of an organisation %s.', p_organisation) end,
      'Accept an invitation, create an organisation, or ask one of its admins to invite you; GET /api/organisations lists yours.');
  elsif cardinality(v_found) > 1 then
    perform plane.raise_error(409, 'organisation_required',
      format('You are a member of %s organisations.', cardinality(v_found)),
      'Say which one you mean with the header AgentPlane-Organisation: its id or its name.',
      jsonb_build_object('organisations', v_names));
  end if;
  return v_found[1];
end;
$$;

alter function gateway._find_membership(uuid, text) owner to plane_gateway;
