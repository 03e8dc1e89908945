-- A hand-off in a line of a list of work: what it is about, and until when.
create function plane.handoff_line(p_handoff plane.handoffs)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', p_handoff.id,
    'status', p_handoff.status,
    'goal', left(coalesce(p_handoff.packet ->> 'goal', p_handoff.reason), 500),
    'from_agent_id', p_handoff.from_agent_id,
    'to_agent_id', p_handoff.to_agent_id,
    'agent_id', p_handoff.agent_id,
    'execution_id', p_handoff.execution_id,
    'path', p_handoff.path,
    'attempts', p_handoff.attempts,
    'lease_until', p_handoff.lease_until,
    'deadline_at', p_handoff.deadline_at,
    'error', p_handoff.error,
    'created_at', p_handoff.created_at,
    'completed_at', p_handoff.completed_at);
$$;
