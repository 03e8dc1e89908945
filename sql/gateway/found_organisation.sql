-- Makes an organisation whose owner is the calling person. Again with the same name: the same one.
--
-- p: {name} · answers: {claims: the owner's, organisation: {id, name, role, joined_at}, has_begun: whether it was made just now}
-- Called by api.create_organisation, as authenticated: who it is comes from the claims.
-- Raises 403 new_organisations_are_off, address_unconfirmed · 409 organisation_exists, too_many_organisations.
create function gateway.found_organisation(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims    constant jsonb := plane.caller_claims();
  v_user      constant uuid := plane.require_user();
  v_most      constant int := 20;
  v_org       uuid;
  v_member    plane.members;
  v_has_begun boolean := true;
begin
  if (select s.value from gateway.settings as s where s.name = 'new_organisations') = 'false' then
    perform plane.raise_error(403, 'new_organisations_are_off', 'Nobody creates organisations by themselves here.',
      'Ask who runs this plane for one, or an organisation for an invitation.');
  elsif v_claims ->> 'email' is null then
    perform plane.raise_error(403, 'address_unconfirmed', 'Your access token names no confirmed address.', 'Sign in with an address.');
  end if;
  if (select count(*) from plane.members where user_id = v_user and role = 'owner' and removed_at is null) >= v_most
    and not exists (
      select from plane.organisations as o join plane.members as m on m.org_id = o.id
      where o.name = p ->> 'name' and m.user_id = v_user and m.role = 'owner' and m.removed_at is null)
  then
    perform plane.raise_error(409, 'too_many_organisations', format('You own %s organisations already.', v_most),
      'Use one of them, or ask who runs this plane.');
  end if;

  insert into plane.organisations (name) values (p ->> 'name')
  on conflict (name) do nothing
  returning id into v_org;
  if v_org is null then
    v_has_begun := false;
    select m.* into v_member
    from plane.organisations as o
    join plane.members as m on m.org_id = o.id
    where o.name = p ->> 'name' and m.user_id = v_user and m.role = 'owner' and m.removed_at is null;
    if v_member.org_id is null then
      perform plane.raise_error(409, 'organisation_exists', format('The name %s is taken.', p ->> 'name'), 'Choose another name.');
    end if;
  else
    insert into plane.members (org_id, user_id, email, role)
    values (v_org, v_user, v_claims ->> 'email', 'owner')
    returning * into v_member;
  end if;
  return jsonb_build_object(
    'claims', gateway._claims_of(v_member, v_claims),
    'organisation', jsonb_build_object(
      'id', v_member.org_id, 'name', p ->> 'name', 'role', v_member.role, 'joined_at', v_member.joined_at),
    'has_begun', v_has_begun);
end;
$$;

alter function gateway.found_organisation(jsonb) owner to plane_gateway;
