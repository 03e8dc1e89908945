-- Makes a workflow of a template, and notes it.
-- payload: {name, version, workflow: as create_workflow takes it} · answers: as create_workflow
create function api.use_template(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_made constant jsonb := api.create_workflow(payload -> 'workflow');
begin
  insert into plane.template_uses (org_id, template, template_version, workflow_id, workflow_version, used_by)
  values (plane.caller_org(), payload ->> 'name', (payload ->> 'version')::int, (v_made ->> 'id')::uuid,
    (v_made ->> 'version')::int, plane.caller_actor())
  on conflict on constraint template_uses_count_once do nothing;
  return v_made;
end;
$$;

insert into gateway.verbs values ('use_template', 'workflows:write', false);
