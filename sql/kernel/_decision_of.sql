-- What became of a question, as the event escalation.resolved says it to who waits for it.
create function plane._decision_of(p_escalation plane.escalations)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_escalation.id,
    'kind', p_escalation.kind,
    'status', p_escalation.status,
    'outcome', p_escalation.outcome,
    'form', coalesce(p_escalation.answer, '{}'),
    'comment', p_escalation.comment,
    'decided_by', p_escalation.decided_by,
    'execution_id', p_escalation.execution_id,
    'agent_id', p_escalation.agent_id);
end;
$$;
