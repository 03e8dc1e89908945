-- The version that a caller means: by name and number, by name (the newest), by a workflow's id (the newest), or by a version's id.
-- raises: 404 workflow_not_found, version_not_found
create function plane.find_version(payload jsonb, out workflow plane.workflows, out version plane.workflow_versions)
returns record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org    constant uuid := plane.caller_org();
  v_id     constant uuid := (payload ->> 'workflow_id')::uuid;
  v_number int := (payload ->> 'version')::int;
begin
  if v_id is null then
    select * into workflow from plane.workflows where org_id = v_org and name = payload ->> 'name';
  else
    select * into workflow from plane.workflows where org_id = v_org and id = v_id;
    if workflow.id is null then
      select * into version from plane.workflow_versions where org_id = v_org and id = v_id;
      select * into workflow from plane.workflows where org_id = v_org and id = version.workflow_id;
      v_number := coalesce(v_number, version.version);
    end if;
  end if;
  if workflow.id is null then
    perform plane.raise_error(404, 'workflow_not_found', format('there is no workflow %s', coalesce(v_id::text, payload ->> 'name')),
      'List them, or store it first.', jsonb_build_object('next', jsonb_build_array(
        jsonb_build_object('why', 'list the workflows', 'method', 'GET', 'path', '/api/workflows'),
        jsonb_build_object('why', 'store a workflow', 'method', 'POST', 'path', '/api/workflows'))));
  end if;
  v_number := coalesce(v_number, workflow.latest);
  select * into version
  from plane.workflow_versions v
  where v.org_id = v_org and v.workflow_id = workflow.id and v.version = v_number;
  if version.id is null then
    perform plane.raise_error(404, 'version_not_found', format('%s has no version %s', workflow.name, v_number),
      format('Its newest version is %s.', workflow.latest), jsonb_build_object('next', jsonb_build_array(
        jsonb_build_object('why', 'list its versions', 'method', 'GET', 'path', format('/api/workflows/%s/versions', workflow.name)))));
  end if;
end;
$$;
