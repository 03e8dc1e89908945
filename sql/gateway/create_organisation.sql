-- Creates an organisation with its first key, of kind operator. Only for the owner of the database.
--
-- p_key_hash: hex sha256 of the key · p_prefix: its first 14 characters · Answers {org_id, key_id}
-- Raises 409 organisation_exists.
create function gateway.create_organisation(p_name text, p_key_hash text, p_prefix text, p_scopes text[])
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org uuid;
  v_key uuid;
begin
  insert into plane.organisations (name)
  values (p_name)
  on conflict (name) do nothing
  returning id into v_org;
  if v_org is null then
    perform plane.raise_error(409, 'organisation_exists', format('The organisation %s exists already.', p_name),
      'Choose another name.');
  end if;

  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes)
  values (v_org, 'first operator', 'operator', sha256(decode(p_key_hash, 'hex')), p_prefix, p_scopes)
  returning id into v_key;

  insert into plane.audit_entries (org_id, actor_kind, actor_id, action, resource, resource_id, details)
  values (v_org, 'operator', v_key, 'create_organisation', 'organisations', v_org::text, jsonb_build_object('name', p_name));
  return jsonb_build_object('org_id', v_org, 'key_id', v_key);
end;
$$;

alter function gateway.create_organisation(text, text, text, text[]) owner to plane_gateway;
