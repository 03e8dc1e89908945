-- Runs one of the caller's ended executions again, from what it keeps: the next gen, with the kept steps copied over.
--
-- p_keep: paths whose succeeded records are carried; null: all that succeeded
-- Answers {execution_id, gen, status, due: [doorbell]}. Called by api.retry_execution. A child runs on its own: its parent has gone on.
-- Locks: its frames. Raises 404 · 409 still_running, already_succeeded, not_retryable.
create function plane.retry_execution(p_execution_id uuid, p_keep text[])
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions := plane._require_execution(p_execution_id);
  v_frame     plane.frames;
begin
  perform plane._check_isolation();
  -- The execution's row stands for its frames: they may be deleted already.
  select * into v_execution from plane.executions where id = p_execution_id for no key update;
  perform plane._require_retryable(v_execution);

  insert into plane.checkpoints (
    execution_id, gen, path, org_id, frame, parent, kind, status, output, output_ref, error, attempts, ended_at, duration_ms, model,
    provider, input_tokens, output_tokens, cost_usd, is_cost_unknown, is_carried, details, seq)
  select
    execution_id, gen + 1, path, org_id, '', parent, kind, status, output, output_ref, error, attempts, ended_at, duration_ms, model,
    provider, input_tokens, output_tokens, cost_usd, is_cost_unknown, true, details, seq
  from plane.checkpoints
  where execution_id = p_execution_id and gen = v_execution.gen and status = 'succeeded' and (p_keep is null or path = any (p_keep));

  v_frame := plane._restart_frame(v_execution);
  update plane.executions
  set gen = gen + 1, status = 'running', output = null, error = null, ended_at = null, cost_usd = null, known_cost_usd = null,
    cancel_requested_at = null, deadline_at = v_frame.deadline_at
  where id = p_execution_id;
  perform plane._record_event(v_execution.org_id, p_execution_id, 'execution.retried', null,
    jsonb_build_object('gen', v_execution.gen + 1, 'by', plane.caller_id()));
  return jsonb_build_object(
    'execution_id', p_execution_id, 'gen', v_execution.gen + 1, 'status', 'running', 'due', jsonb_build_array(plane._doorbell(v_frame)));
end;
$$;

alter function plane.retry_execution(uuid, text[]) owner to plane_kernel;
