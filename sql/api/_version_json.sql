-- A workflow's version as the API answers it. Without p_whole the definition and the document are left out.
create function plane.version_json(p_workflow plane.workflows, p_version plane.workflow_versions, p_whole boolean)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', p_workflow.id,
    'name', p_workflow.name,
    'version', p_version.version,
    'latest_version', p_workflow.latest,
    'version_id', p_version.id,
    'format', p_version.format,
    'description', p_version.description,
    'content_hash', p_version.content_hash,
    'steps', p_version.steps,
    'designed_with_model', p_version.designed_with_model,
    'executable_by_model', p_version.executable_by_model,
    'designed_by_agent_id', p_version.designed_by_agent_id,
    'metadata', p_version.metadata,
    'created_at', p_version.created_at
  ) || case when p_whole then jsonb_build_object(
    'definition', p_version.definition,
    'is_json', p_version.is_json,
    'document', p_version.document
  ) else '{}' end;
$$;
