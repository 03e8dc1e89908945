-- One version of a workflow with its definition and document.
-- payload: {name or workflow_id, version?}; a version's id counts as workflow_id too
-- answers: the version
-- raises: 404 workflow_not_found, version_not_found
create function api.get_workflow(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.version_json(f.workflow, f.version, true) from plane.find_version(payload) as f;
$$;

insert into gateway.verbs values ('get_workflow', 'workflows:read', true);
