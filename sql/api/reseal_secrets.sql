-- Keeps secrets that were sealed again with the present master key. One whose value changed meanwhile stays as it is.
-- payload: {secrets: [{name, version, sealed}]} · answers: {resealed}
create function api.reseal_secrets(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  update plane.secrets as s
  set sealed = given -> 'sealed'
  from jsonb_array_elements(payload -> 'secrets') as given
  where s.org_id = plane.caller_org() and s.name = given ->> 'name' and s.version = (given ->> 'version')::int;
  get diagnostics v_count = row_count;
  perform plane.record_audit('reseal_secrets', 'secrets', null, jsonb_build_object(
    'resealed', v_count, 'names', (select coalesce(jsonb_agg(given -> 'name'), '[]') from jsonb_array_elements(payload -> 'secrets') as given)));
  return jsonb_build_object('resealed', v_count);
end;
$$;

insert into gateway.verbs values ('reseal_secrets', 'secrets:manage', false);
