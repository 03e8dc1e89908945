-- Answers one wait with a signal, or adds a vote to it. Null when it was closed by somebody else.
-- Locks: the frame, the wait, its escalation.
-- Raises 403 missing_scope, people_only, assigned_to_another, requester_may_not_decide, aal2_required · 422 invalid_outcome.
create function plane._signal_wait(p_wait plane.waits, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by         constant uuid := plane.caller_id();
  v_outcome    text := 'answered';
  v_payload    jsonb := p_payload;
  v_escalation plane.escalations;
begin
  if p_wait.kind <> 'event' then
    perform plane._require_decider(p_wait.kind);
  end if;
  perform from plane.frames where execution_id = p_wait.execution_id and frame = p_wait.frame for no key update;
  if p_wait.kind <> 'event' then
    perform from plane.waits where execution_id = p_wait.execution_id and token = p_wait.token and answered_at is null for no key update;
    if not found then
      return null;
    end if;
    v_escalation := plane._escalation_of(p_wait);
    perform plane._require_may_answer(v_escalation);
    perform plane._require_outcome(p_payload, p_wait.data -> 'outcomes');
    v_outcome := p_payload ->> 'outcome';
    v_payload := p_payload || jsonb_build_object('decided_by', plane.caller_actor());
  end if;

  if (p_wait.data ->> 'quorum')::int > 1 then
    v_payload := plane._vote(p_wait, v_payload);
    if (v_payload ->> 'missing')::int > 0 then
      return v_payload || jsonb_build_object(
        'status', 'voted', 'token', p_wait.token, 'outcome', v_outcome, 'escalation_id', v_escalation.id, 'due', '[]'::jsonb);
    end if;
  end if;

  if not plane._answer_wait(p_wait.execution_id, p_wait.token, v_outcome, v_payload, v_by) then
    return null;
  end if;
  return jsonb_build_object(
    'status', 'answered', 'token', p_wait.token, 'outcome', v_outcome, 'escalation_id', v_escalation.id,
    'due', plane._wake(p_wait.execution_id, p_wait.frame));
end;
$$;
