-- Creates an execution and, for the engine, its root frame, ready to be claimed. Answers the frame; null in external mode.
--
-- p: {id?, mode, input, agent_id?, executed_with_model?, callback_url?, restarted_from?, created_by?, budget_usd?, deadline_at?}
-- p_parent, p_path, p_token: for a child, the frame and the wait that its end counts down
create function plane._create_execution(
  p_version plane.workflow_versions, p jsonb,
  p_parent plane.frames default null, p_path text default null, p_token text default null)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id       constant uuid := coalesce((p ->> 'id')::uuid, gen_random_uuid());
  v_root     constant uuid := coalesce(p_parent.root_execution_id, v_id);
  v_depth    constant int := coalesce(p_parent.depth / 2 + 1, 0);
  v_limits   constant jsonb := p_version.document -> 'limits';
  -- Every execution ends within a year, so every frame has a deadline.
  v_deadline constant timestamptz := least(
    plane.clock() + least(plane._read_duration(v_limits ->> 'timeout'), interval '365 days'), (p ->> 'deadline_at')::timestamptz);
  v_frame    plane.frames;
begin
  insert into plane.executions (
    id, org_id, workflow_id, version_id, mode, input, agent_id, executed_with_model, callback_url, parent_execution_id,
    parent_path, root_execution_id, depth, restarted_from, created_by, deadline_at)
  values (
    v_id, p_version.org_id, p_version.workflow_id, p_version.id, coalesce(p ->> 'mode', 'engine'),
    coalesce(nullif(p -> 'input', 'null'), '{}'), (p ->> 'agent_id')::uuid, p ->> 'executed_with_model', p ->> 'callback_url',
    p_parent.execution_id, p_path, v_root, v_depth, (p ->> 'restarted_from')::uuid, (p ->> 'created_by')::uuid, v_deadline);
  perform plane._record_event(p_version.org_id, v_id, 'execution.started', null, jsonb_build_object(
    'version_id', p_version.id, 'version', p_version.version, 'parent_execution_id', p_parent.execution_id));
  if p ->> 'mode' = 'external' then
    return null;
  end if;

  insert into plane.frames (
    execution_id, org_id, root_execution_id, depth, queue, due_at, budget_usd, deadline_at,
    parent_execution_id, parent_frame, parent_token)
  values (
    v_id, p_version.org_id, v_root, 2 * v_depth, p_version.queue, plane.clock() + interval '2 seconds',
    least((v_limits ->> 'budget_usd')::numeric, (p ->> 'budget_usd')::numeric), v_deadline,
    p_parent.execution_id, p_parent.frame, p_token)
  returning * into v_frame;
  return v_frame;
end;
$$;
