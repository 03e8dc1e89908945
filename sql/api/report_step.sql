-- Reports one step of an external execution: that it runs (an event), or how it ended (a record that is never changed).
-- payload: {execution_id, step: {path, parent, kind, status, output?, error?, attempts?, duration_ms?, model?, provider?,
--           input_tokens?, output_tokens?, cost_usd?, is_cost_unknown?, details: {started_at?, ended_at?}}}
-- answers: the step as list_steps does, and is_new: false for the same report again
-- raises: 404 execution_not_found, 409 not_external, already_ended, already_recorded
create function api.report_step(payload jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_step      constant jsonb := payload -> 'step';
  v_known     record;
  v_is_new    boolean := true;
begin
  perform plane.require_external(v_execution);
  select r.step ->> 'status' as status, coalesce(r.output, y.body) as output into v_known
  from plane.step_rows(v_execution) as r
  left join plane.payloads as y on y.org_id = v_execution.org_id and y.hash = r.output_ref
  where r.path = v_step ->> 'path';
  v_is_new := v_known.status is null or (v_known.status = 'running' and v_step ->> 'status' <> 'running');

  if not v_is_new and (v_known.status <> v_step ->> 'status' or v_known.output is distinct from nullif(v_step -> 'output', 'null')) then
    perform plane.raise_error(409, 'already_recorded',
      format('The step %s was reported as %s already.', v_step ->> 'path', v_known.status),
      format('A record is never changed. Report a repetition under a path of its own: %s[1].', v_step ->> 'path'));
  end if;
  if v_is_new and v_step ->> 'status' = 'running' then
    perform plane.require_running(v_execution);
    insert into plane.events (org_id, execution_id, type, path, data)
    values (v_execution.org_id, v_execution.id, 'step.running', v_step ->> 'path',
      jsonb_strip_nulls(jsonb_build_object('kind', v_step -> 'kind', 'started_at', v_step -> 'details' -> 'started_at')));
  elsif v_is_new then
    perform plane.record_external_step(payload);
  end if;

  if v_is_new then
    perform plane.record_audit('report_step', 'executions', v_execution.id::text,
      jsonb_build_object('path', v_step -> 'path', 'status', v_step -> 'status'));
  end if;
  return (
    select r.step || jsonb_build_object('output', v_step -> 'output', 'is_new', v_is_new)
    from plane.step_rows(v_execution) as r
    where r.path = v_step ->> 'path'
  );
end;
$$;

insert into gateway.verbs values ('report_step', 'executions:write', false);
