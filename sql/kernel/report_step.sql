-- Records what an external agent says about one step of its execution. A begun step is an event, an ended one a checkpoint.
--
-- p: {execution_id, path, parent, kind, status, output?, error?, attempts?, started_at?, ended_at?, duration_ms?, model?, provider?,
--     input_tokens?, output_tokens?, cost_usd?, is_cost_unknown?, details?}
-- Answers whether it was new: the same report again changes nothing. Called by api.report_step.
-- Locks: the execution. Raises 404 execution_not_found · 409 not_external, execution_ended, step_ended.
create function plane.report_step(p jsonb)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_execution constant plane.executions := plane._hold_external((p ->> 'execution_id')::uuid);
  v_path      constant text := p ->> 'path';
  v_frame     plane.frames;
  v_ended     plane.checkpoints;
begin
  if v_execution.status <> 'running' then
    perform plane.raise_error(409, 'execution_ended', format('Execution %s is %s: no more steps.', v_execution.id, v_execution.status),
      'Start another execution.');
  end if;
  select * into v_ended from plane.checkpoints where execution_id = v_execution.id and gen = v_execution.gen and path = v_path;
  if found then
    if p ->> 'status' in (v_ended.status, 'running') and coalesce(plane._hash_payload(p -> 'output'), '')
        in (coalesce(v_ended.output_ref, plane._hash_payload(v_ended.output), ''), '') then
      return false;
    end if;
    perform plane.raise_error(409, 'step_ended', format('Step %s was reported %s already.', v_path, v_ended.status),
      'A record is never changed. Report a repetition under another path, for example with an index: send[1].');
  end if;

  if p ->> 'status' = 'running' then
    if exists (select from plane.events as e where e.org_id = v_execution.org_id and e.execution_id = v_execution.id
        and e.type = 'step.running' and e.path = v_path) then
      return false;
    end if;
    perform plane._record_event(v_execution.org_id, v_execution.id, 'step.running', v_path,
      jsonb_build_object('kind', p -> 'kind', 'started_at', p -> 'started_at'));
    return true;
  end if;

  v_frame.execution_id := v_execution.id;
  v_frame.org_id := v_execution.org_id;
  v_frame.frame := '';
  v_frame.gen := v_execution.gen;
  perform plane._record_steps(v_frame, 0, jsonb_build_array(p));
  update plane.checkpoints
  set ended_at = least((p ->> 'ended_at')::timestamptz, ended_at)
  where execution_id = v_execution.id and gen = v_execution.gen and path = v_path and p ->> 'ended_at' is not null;
  return true;
end;
$$;

alter function plane.report_step(jsonb) owner to plane_kernel;
