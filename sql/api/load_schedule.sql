-- A schedule for who is about to change or run it, with the version that it would start.
-- payload: {id} · answers: {schedule, version_id, document}; both null when its workflow is not there · raises: 404 schedule_not_found
create function api.load_schedule(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule constant plane.schedules := plane.find_schedule((payload ->> 'id')::uuid);
begin
  return jsonb_build_object('schedule', plane.schedule_json(v_schedule)) || coalesce((
    select jsonb_build_object('version_id', v.id, 'document', v.document)
    from plane.workflows as w
    join plane.workflow_versions as v on v.workflow_id = w.id and v.version = coalesce(v_schedule.version, w.latest)
    where w.org_id = v_schedule.org_id and w.name = v_schedule.workflow
  ), '{"version_id": null, "document": null}');
end;
$$;

insert into gateway.verbs values ('load_schedule', 'triggers:write', true);
