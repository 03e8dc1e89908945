-- Starts an execution of one of the caller's versions.
--
-- p: {version_id, mode = engine, input, agent_id?, executed_with_model?, callback_url?, restarted_from?, budget_usd?}
-- Answers {execution_id, status, due: [doorbell]}. Called by api.start_execution. Never claims.
-- Raises 402 budget_exhausted · 404 version_not_found · 422 not_runnable · 429 quota_exceeded.
create function plane.start_execution(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org     constant uuid := plane._require_org();
  v_version plane.workflow_versions;
  v_frame   plane.frames;
  v_id      constant uuid := gen_random_uuid();
begin
  select * into v_version from plane.workflow_versions where id = (p ->> 'version_id')::uuid and org_id = v_org;
  if not found then
    perform plane.raise_error(404, 'version_not_found', format('There is no version %s.', p ->> 'version_id'));
  end if;
  if v_version.document is null and coalesce(p ->> 'mode', 'engine') = 'engine' then
    perform plane.raise_error(422, 'not_runnable', 'A markdown runbook is not run by the engine.',
      'Start it with mode external and report its progress.');
  end if;

  perform plane._refuse_over_budget(v_org, v_version.workflow_id, (p ->> 'agent_id')::uuid);
  v_frame := plane._create_execution(v_version, p || jsonb_build_object('id', v_id, 'created_by', plane.caller_id()));
  perform plane.check_quota('executions_per_day');
  perform plane.check_quota('concurrent_executions');
  return jsonb_build_object(
    'execution_id', v_id,
    'status', 'running',
    'due', case when v_frame.execution_id is null then '[]' else jsonb_build_array(plane._doorbell(v_frame)) end);
end;
$$;

alter function plane.start_execution(jsonb) owner to plane_kernel;
