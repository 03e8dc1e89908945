-- An execution as the API answers it. In lists (p_whole false) an input or output over 8 kB is left out and named in left_out.
-- cost_usd is null while it runs and when a price is unknown; known_cost_usd is what is known so far (in lists: at the end).
-- p_now: its status, waiting_for and known_cost_usd where the caller knows them; else they are looked up.
create function plane.execution_json(p_execution plane.executions, p_whole boolean, p_now jsonb default null)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_leaves_input  constant boolean := not p_whole and octet_length(p_execution.input::text) > 8192;
  v_leaves_output constant boolean := not p_whole and coalesce(octet_length(p_execution.output::text), 0) > 8192;
  v_now           constant jsonb := coalesce(p_now, jsonb_build_object(
    'status', plane.execution_status(p_execution),
    'waiting_for', case when p_execution.status = 'running' then plane.waiting_for(p_execution) else '[]' end,
    'known_cost_usd', coalesce(p_execution.known_cost_usd, case when p_whole then plane.known_cost(p_execution) end)::text));
begin
  return jsonb_build_object(
    'id', p_execution.id,
    'workflow', (select w.name from plane.workflows as w where w.id = p_execution.workflow_id),
    'workflow_id', p_execution.workflow_id,
    'version', (select v.version from plane.workflow_versions as v where v.id = p_execution.version_id),
    'version_id', p_execution.version_id,
    'mode', p_execution.mode,
    'gen', p_execution.gen,
    'input', case when not v_leaves_input then p_execution.input end,
    'output', case when not v_leaves_output then p_execution.output end,
    'left_out', to_jsonb(array_remove(array[
      case when v_leaves_input then 'input' end, case when v_leaves_output then 'output' end], null)),
    'error', p_execution.error,
    'agent_id', p_execution.agent_id,
    'executed_with_model', p_execution.executed_with_model,
    'cost_usd', p_execution.cost_usd::text,
    'parent_execution_id', p_execution.parent_execution_id,
    'parent_path', p_execution.parent_path,
    'restarted_from', p_execution.restarted_from,
    'created_at', p_execution.created_at,
    'deadline_at', p_execution.deadline_at,
    'cancel_requested_at', p_execution.cancel_requested_at,
    'ended_at', p_execution.ended_at
  ) || v_now;
end;
$$;
