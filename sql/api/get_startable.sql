-- The version that an execution would run: what its input is checked against before it starts.
-- payload: {name or workflow_id, version?}; a version's id counts as workflow_id too
-- answers: {version_id, workflow_id, name, version, format, document}
-- raises: 404 workflow_not_found, version_not_found
create function api.get_startable(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('version_id', (f.version).id, 'workflow_id', (f.workflow).id, 'name', (f.workflow).name,
    'version', (f.version).version, 'format', (f.version).format, 'document', (f.version).document)
  from plane.find_version(payload) as f;
$$;

insert into gateway.verbs values ('get_startable', 'executions:write', true);
