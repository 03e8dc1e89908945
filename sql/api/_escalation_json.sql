-- An escalation as the API shows it. may_answer and refusal are the caller's: why they may not, as a code.
-- p_is_whole: with its comments
create function plane.escalation_json(p_escalation plane.escalations, p_is_whole boolean)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_refusal constant text := plane.refusal_to_answer(p_escalation);
  v_json    jsonb;
begin
  v_json := jsonb_build_object(
    'id', p_escalation.id,
    'kind', p_escalation.kind,
    'status', p_escalation.status,
    'priority', p_escalation.priority,
    'reason', p_escalation.reason,
    'context', plane.with_money(p_escalation.context),
    'form', p_escalation.form,
    'outcomes', p_escalation.outcomes,
    'assign_to', p_escalation.assign_to,
    'quorum', p_escalation.quorum,
    'votes', p_escalation.votes,
    'aal2', p_escalation.needs_aal2,
    'not_requester', p_escalation.not_requester,
    'answerable_by', p_escalation.answerable_by,
    'execution_id', p_escalation.execution_id,
    'path', p_escalation.path,
    'workflow_id', p_escalation.workflow_id,
    'agent_id', p_escalation.agent_id,
    'created_by', p_escalation.created_by,
    'claimed_by', p_escalation.claimed_by)
  || jsonb_build_object(
    'deadline', p_escalation.deadline,
    'on_timeout', p_escalation.on_timeout,
    'outcome', p_escalation.outcome,
    'answer', p_escalation.answer,
    'comment', p_escalation.comment,
    'decided_by', p_escalation.decided_by,
    'created_at', p_escalation.created_at,
    'decided_at', p_escalation.decided_at,
    'may_answer', p_escalation.decided_at is null and v_refusal is null,
    'refusal', v_refusal);
  if p_is_whole then
    v_json := v_json || jsonb_build_object('comments', (
      select coalesce(jsonb_agg(
        jsonb_build_object('id', c.id, 'author', c.author, 'text', c.text, 'created_at', c.created_at) order by c.created_at, c.id), '[]')
      from plane.escalation_comments as c
      where c.org_id = p_escalation.org_id and c.escalation_id = p_escalation.id));
  end if;
  return v_json;
end;
$$;
