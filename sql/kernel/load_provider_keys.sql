-- Sealed keys of model providers, for what an organisation asks of a model outside of an execution.
-- Called by functions that know their caller's organisation from the door that let the caller in.
--
-- p: {org_id, names} → {secrets: {name: {version, sealed}}}
-- A name that is not a model provider's is not answered, nor is one that the organisation lacks.
create function plane.load_provider_keys(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org   constant uuid := (p ->> 'org_id')::uuid;
  v_found jsonb;
begin
  select jsonb_object_agg(s.name, jsonb_build_object('version', s.version, 'sealed', s.sealed)) into v_found
  from plane.secrets as s
  where s.org_id = v_org and p -> 'names' ? s.name and s.name = any (plane._provider_keys());
  perform plane._note_secrets_used(v_org, v_found);
  return jsonb_build_object('secrets', coalesce(v_found, '{}'));
end;
$$;

alter function plane.load_provider_keys(jsonb) owner to plane_kernel;
