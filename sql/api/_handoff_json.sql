-- A hand-off as the API shows it. The token of its claim is shown once, to who claims it.
create function plane.handoff_json(p_handoff plane.handoffs)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_handoff.id,
    'from_agent_id', p_handoff.from_agent_id,
    'from_agent', (select a.name from plane.agents as a where a.id = p_handoff.from_agent_id),
    'to_agent_id', p_handoff.to_agent_id,
    'to_agent', (select a.name from plane.agents as a where a.id = p_handoff.to_agent_id),
    'match', p_handoff.match,
    'workflow_id', p_handoff.workflow_id,
    'execution_id', p_handoff.execution_id,
    'path', p_handoff.path,
    'packet', p_handoff.packet,
    'context', p_handoff.context,
    'reason', p_handoff.reason,
    'status', p_handoff.status,
    'agent_id', p_handoff.agent_id,
    'lease_until', p_handoff.lease_until,
    'fence', p_handoff.fence,
    'attempts', p_handoff.attempts,
    'max_attempts', p_handoff.max_attempts,
    'deadline_at', p_handoff.deadline_at,
    'output_data', p_handoff.output_data,
    'error', p_handoff.error,
    'parent_id', p_handoff.parent_id,
    'hops', p_handoff.hops,
    'created_by', p_handoff.created_by,
    'taken_by', p_handoff.taken_by)
  || jsonb_build_object(
    'created_at', p_handoff.created_at,
    'updated_at', p_handoff.updated_at,
    'accepted_at', p_handoff.accepted_at,
    'completed_at', p_handoff.completed_at);
end;
$$;
