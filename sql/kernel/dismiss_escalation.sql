-- Dismisses one of the caller's questions: it needs no answer any more. Whoever asked may, and who may answer.
--
-- p: {id, comment?} · Answers {due: [doorbell]}. Called by api.dismiss_escalation.
-- Locks: the topic of escalation.resolved, the escalation, the frames that wait for it.
-- Raises 403 · 404 · 409 escalation_closed, awaited_by_execution.
create function plane.dismiss_escalation(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id         constant uuid := (p ->> 'id')::uuid;
  v_escalation plane.escalations;
begin
  perform plane._check_isolation();
  perform plane._lock_topics(array[plane._require_org() || '/escalation.resolved']);
  v_escalation := plane._require_escalation(v_id);
  if v_escalation.created_by ->> 'id' is distinct from plane.caller_id()::text then
    perform plane._require_may_answer(v_escalation);
  end if;
  perform plane._require_open(v_escalation);
  if v_escalation.wait_token is not null or v_escalation.kind = 'budget' then
    perform plane.raise_error(409, 'awaited_by_execution', 'An execution waits for this answer, so it cannot be dismissed.',
      'Resolve it with one of its outcomes, or cancel the execution.',
      jsonb_build_object('outcomes', v_escalation.outcomes, 'execution_id', v_escalation.execution_id));
  end if;
  v_escalation := plane._close_escalation(v_id, 'dismissed', null, p);
  return plane._answer_event_waits(v_escalation.org_id, 'escalation.resolved', plane._decision_of(v_escalation));
end;
$$;

alter function plane.dismiss_escalation(jsonb) owner to plane_kernel;
