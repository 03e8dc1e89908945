-- Records an ended step of one of the caller's external executions, as its own runner reports it. Once a path.
--
-- p: {execution_id, step: a record as plane.checkpoint takes it} · answers {path, status}
-- Raises 404 · 409 not_external, already_ended, already_recorded.
create function plane.record_external_step(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions := plane._require_execution((p ->> 'execution_id')::uuid);
  v_frame     plane.frames;
  v_written   record;
begin
  select * into v_execution from plane.executions where id = v_execution.id for no key update;
  if v_execution.mode <> 'external' then
    perform plane.raise_error(409, 'not_external', 'The engine runs this execution and records its steps.');
  elsif v_execution.status <> 'running' then
    perform plane.raise_error(409, 'already_ended', format('The execution has ended: %s.', v_execution.status));
  end if;

  v_frame.execution_id := v_execution.id;
  v_frame.org_id := v_execution.org_id;
  v_frame.gen := v_execution.gen;
  v_frame.frame := '';
  select * into v_written from plane._record_steps(v_frame, 0, jsonb_build_array(p -> 'step'));
  if v_written.written = 0 then
    perform plane.raise_error(409, 'already_recorded', format('The step %s has been recorded already.', p -> 'step' ->> 'path'));
  end if;
  return jsonb_build_object('path', p -> 'step' -> 'path', 'status', p -> 'step' -> 'status');
end;
$$;

alter function plane.record_external_step(jsonb) owner to plane_kernel;
