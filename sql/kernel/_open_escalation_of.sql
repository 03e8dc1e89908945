-- Opens the escalation of a wait for a decision: an approval, a budget (one for the whole tree), a lost step.
-- The caller has opened the wait in this transaction.
create function plane._open_escalation_of(p_wait plane.waits)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_data      constant jsonb := case jsonb_typeof(p_wait.data) when 'object' then p_wait.data else '{}' end;
  v_is_budget constant boolean := p_wait.kind = 'budget';
  v_execution plane.executions;
  v_root      plane.executions;
  v_workflow  text;
begin
  select * into v_execution from plane.executions where id = p_wait.execution_id;
  select * into v_root from plane.executions where id = v_execution.root_execution_id;
  select name into v_workflow from plane.workflows where id = v_root.workflow_id;
  perform plane._open_escalation(p_wait.org_id, jsonb_build_object(
    'kind', case when v_data ->> 'asks' = 'policy' then 'policy' else p_wait.kind end,
    'reason', coalesce(v_data ->> 'message', 'Needs a decision.'),
    'context', case when v_is_budget then v_data - array['message', 'outcomes'] else coalesce(v_data -> 'show', '{}') end,
    'priority', coalesce(v_data ->> 'priority', case p_wait.kind when 'approval' then 'normal' else 'high' end),
    'form', v_data -> 'form',
    'outcomes', v_data -> 'outcomes',
    'assign_to', v_data -> 'assignees',
    'quorum', coalesce(v_data -> 'quorum', '1'),
    'needs_aal2', coalesce(v_data -> 'needs_aal2', 'false'),
    'not_requester', v_data -> 'not_requester',
    'execution_id', case when v_is_budget then v_root.id else p_wait.execution_id end,
    'wait_token', case when not v_is_budget then p_wait.token end,
    'path', p_wait.path,
    'workflow_id', v_execution.workflow_id,
    'agent_id', v_root.agent_id,
    'created_by', jsonb_build_object('kind', 'plane', 'id', v_root.id, 'label', v_workflow),
    'requester_id', v_root.created_by,
    'deadline', p_wait.deadline,
    'on_timeout', nullif(v_data ->> 'on_timeout', 'fail')));
end;
$$;
