-- Refuses a workflow, or a version of one, that the caller's organisation does not have; null is fine. raises: 422 unknown_workflow
create function plane.require_workflow(p_workflow_id uuid)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_workflow_id is null
    or exists (select from plane.workflows where id = p_workflow_id and org_id = plane.caller_org())
    or exists (select from plane.workflow_versions where id = p_workflow_id and org_id = plane.caller_org())
  then
    return;
  end if;
  perform plane.raise_error(422, 'unknown_workflow', format('there is no workflow %s', p_workflow_id),
    'Leave workflow_id out, or list workflows with GET /api/workflows.',
    jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
      'pointer', '/workflow_id', 'code', 'unknown_workflow', 'message', format('there is no workflow %s', p_workflow_id)))));
end;
$$;
