-- What follows when a hand-off is dead: it is told, and a person is asked what is to become of the work.
create function plane._bury_handoff(p_handoff plane.handoffs)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane._note_handoff(p_handoff, 'dead');
  perform plane._open_escalation(p_handoff.org_id, jsonb_build_object(
    'kind', 'question',
    'priority', 'high',
    'reason', format('Nobody did what was handed over: %s (%s)', coalesce(left(p_handoff.packet ->> 'goal', 500), left(p_handoff.reason, 500),
      p_handoff.id::text), p_handoff.error ->> 'message'),
    'context', jsonb_build_object('handoff_id', p_handoff.id, 'code', p_handoff.error -> 'code', 'attempts', p_handoff.attempts,
      'from_agent_id', p_handoff.from_agent_id, 'to_agent_id', p_handoff.to_agent_id, 'last_agent_id', p_handoff.agent_id),
    'execution_id', p_handoff.execution_id,
    'path', p_handoff.path,
    'workflow_id', p_handoff.workflow_id,
    'agent_id', p_handoff.from_agent_id,
    'answerable_by', 'anyone',
    'created_by', jsonb_build_object('kind', 'plane', 'id', null, 'label', 'hand-offs')));
end;
$$;
