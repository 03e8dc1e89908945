-- Adds a version to a workflow, making the workflow with its first one; the same content again gives the version that is there.
-- payload: {name, format, definition, is_json, document, queue, steps, description?, designed_with_model?, executable_by_model?,
--           designed_by_agent_id?, metadata?, version?}
-- answers: the version as get_workflow does, and is_created
-- raises: 403 missing_scope (secrets:use, when the document names secrets),
--         409 version_taken (version was named and is not the next one), 422 unknown_agent
create function api.create_workflow(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org        constant uuid := plane.caller_org();
  v_definition constant text := payload ->> 'definition';
  v_hash       constant text := encode(sha256(convert_to((payload ->> 'format') || e'\n' || v_definition, 'UTF8')), 'hex');
  v_wanted     constant int := (payload ->> 'version')::int;
  v_workflow   plane.workflows;
  v_version    plane.workflow_versions;
begin
  if jsonb_array_length(nullif(payload -> 'document' -> 'secrets', 'null')) > 0 and not plane.caller_has_scope('secrets:use') then
    perform plane.raise_error(403, 'missing_scope', 'A workflow that names secrets needs the scope secrets:use: it could send them anywhere.',
      'Let an operator or a person who may use secrets store it; agents may then run it.', '{"scope": "secrets:use"}');
  end if;
  perform plane.require_agent((payload ->> 'designed_by_agent_id')::uuid, '/designed_by_agent_id');

  -- Takes the workflow's row lock: versions of one workflow are numbered one after the other.
  insert into plane.workflows as w (org_id, name, description)
  values (v_org, payload ->> 'name', payload ->> 'description')
  on conflict (org_id, name) do update set name = w.name
  returning * into v_workflow;
  if v_workflow.latest = 0 then
    perform plane.check_quota('workflows');
  end if;

  select * into v_version
  from plane.workflow_versions
  where workflow_id = v_workflow.id and content_hash = v_hash;
  if found and v_wanted is distinct from v_version.version and v_wanted is not null then
    perform plane.raise_error(409, 'version_taken',
      format('this content is version %s of %s already, not %s', v_version.version, v_workflow.name, v_wanted),
      'Leave version out: the plane numbers versions itself.');
  end if;
  if found then
    return plane.version_json(v_workflow, v_version, true) || jsonb_build_object('is_created', false);
  end if;
  if v_wanted <> v_workflow.latest + 1 then
    perform plane.raise_error(409, 'version_taken',
      format('the next version of %s is %s, not %s', v_workflow.name, v_workflow.latest + 1, v_wanted),
      'Leave version out: the plane numbers versions itself.');
  end if;

  insert into plane.workflow_versions (org_id, workflow_id, version, format, definition, is_json, content_hash, document,
    queue, steps, description, designed_with_model, executable_by_model, designed_by_agent_id, metadata)
  values (v_org, v_workflow.id, v_workflow.latest + 1, payload ->> 'format', v_definition,
    coalesce((payload ->> 'is_json')::boolean, false), v_hash, nullif(payload -> 'document', 'null'),
    coalesce(payload ->> 'queue', 'default'), coalesce(nullif(payload -> 'steps', 'null'), '[]'), payload ->> 'description',
    payload ->> 'designed_with_model', payload ->> 'executable_by_model', (payload ->> 'designed_by_agent_id')::uuid,
    coalesce(nullif(payload -> 'metadata', 'null'), '{}'))
  returning * into v_version;

  update plane.workflows
  set latest = v_version.version, description = v_version.description, updated_at = plane.clock()
  where id = v_workflow.id
  returning * into v_workflow;

  perform plane.record_audit('create_workflow', 'workflows', v_workflow.id::text,
    jsonb_build_object('name', v_workflow.name, 'version', v_version.version, 'format', v_version.format),
    null, jsonb_build_object('definition', v_version.definition));
  return plane.version_json(v_workflow, v_version, true) || jsonb_build_object('is_created', true);
end;
$$;

insert into gateway.verbs values ('create_workflow', 'workflows:write', false);
