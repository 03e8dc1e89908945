-- Reports one step of an external execution: that it runs (an event), or how it ended (a record that is never changed).
-- payload: {execution_id, step: {path, parent, kind, status, output?, error?, attempts?, model?, provider?,
--           input_tokens?, output_tokens?, cost_usd?, is_cost_unknown?, details: {started_at?, ended_at?}}}
-- It began when it was reported to run, unless the last report says when: then that counts.
-- answers: the step as list_steps does, and is_new: false for the same report again
-- raises: 404 execution_not_found, 409 not_external, already_ended, already_recorded
create function api.report_step(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_step      constant jsonb := payload -> 'step';
  v_ended     plane.checkpoints := plane.find_step(v_execution, v_step ->> 'path');
  v_begun     timestamptz := plane.step_begun(v_execution, v_step ->> 'path');
  v_output    jsonb;
  v_is_new    boolean := true;
begin
  perform plane.require_external(v_execution);
  if v_ended.path is not null then
    v_output := coalesce(v_ended.output, (
      select y.body from plane.payloads as y where y.org_id = v_execution.org_id and y.hash = v_ended.output_ref));
    if v_ended.status <> v_step ->> 'status' or v_output is distinct from nullif(v_step -> 'output', 'null') then
      perform plane.raise_error(409, 'already_recorded',
        format('The step %s was reported as %s already.', v_ended.path, v_ended.status),
        format('A record is never changed. Report a repetition under a path of its own: %s[1].', v_ended.path));
    end if;
    v_is_new := false;
  elsif v_step ->> 'status' <> 'running' then
    perform plane.record_external_step(payload || jsonb_build_object('step', plane.timed_step(v_step, v_begun)));
    v_ended := plane.find_step(v_execution, v_step ->> 'path');
  else
    perform plane.require_running(v_execution);
    v_is_new := v_begun is null;
    if v_is_new then
      insert into plane.events (org_id, execution_id, type, path, data)
      values (v_execution.org_id, v_execution.id, 'step.running', v_step ->> 'path',
        jsonb_strip_nulls(jsonb_build_object('kind', v_step -> 'kind', 'started_at', plane.time_text((v_step -> 'details' ->> 'started_at')::timestamptz))));
      v_begun := plane.step_begun(v_execution, v_step ->> 'path');
    end if;
  end if;

  if v_is_new then
    perform plane.record_audit('report_step', 'executions', v_execution.id::text,
      jsonb_build_object('path', v_step -> 'path', 'status', v_step -> 'status'));
  end if;
  return coalesce(plane.step_json(v_ended), jsonb_build_object(
    'path', v_step -> 'path', 'kind', v_step -> 'kind', 'status', 'running', 'attempts', 1, 'gen', v_execution.gen,
    'started_at', v_begun
  )) || jsonb_build_object('output', v_step -> 'output', 'is_new', v_is_new);
end;
$$;

insert into gateway.verbs values ('report_step', 'executions:write', false);
