-- Sealed secrets for the steps of a frame: those that its workflow declares, and keys of model providers.
--
-- p: {execution_id, frame, epoch, names} → {ok, org_id, secrets: {name: {version, sealed}}} or {ok: false, reason: stale}
-- A name that is neither declared nor a model provider's is not answered, nor is one that the organisation lacks.
create function plane.load_secrets(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
  v_found jsonb;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  select jsonb_object_agg(s.name, jsonb_build_object('version', s.version, 'sealed', s.sealed)) into v_found
  from plane.executions as e
  join plane.workflow_versions as v on v.id = e.version_id
  join plane.secrets as s on s.org_id = v_frame.org_id
  where e.id = v_frame.execution_id and p -> 'names' ? s.name
    and (coalesce(v.document -> 'secrets', '[]') ? s.name or s.name = any (plane._provider_keys()));

  perform plane._note_secrets_used(v_frame.org_id, v_found);
  return jsonb_build_object('ok', true, 'org_id', v_frame.org_id, 'secrets', coalesce(v_found, '{}'));
end;
$$;

alter function plane.load_secrets(jsonb) owner to plane_kernel;
