-- Answers a question that no wait is bound to, or adds a vote, and tells whoever waits for escalation.resolved.
create function plane._resolve_question(p_id uuid, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_outcome    constant text := p_payload ->> 'outcome';
  v_votes      jsonb;
  v_counted    jsonb := '{}';
  v_escalation plane.escalations;
begin
  perform plane._lock_topics(array[plane._require_org() || '/escalation.resolved']);
  v_escalation := plane._require_escalation(p_id);
  perform plane._require_open(v_escalation);
  perform plane._require_may_answer(v_escalation);
  perform plane._require_outcome(p_payload, to_jsonb(v_escalation.outcomes));

  if v_escalation.quorum > 1 then
    update plane.escalations
    set votes = plane._with_vote(votes, jsonb_build_object('outcome', v_outcome, 'by', plane.caller_actor()))
    where id = p_id
    returning votes into v_votes;
    v_counted := plane._count_votes(v_votes, v_outcome, v_escalation.quorum);
    if (v_counted ->> 'missing')::int > 0 then
      return v_counted || jsonb_build_object('status', 'voted', 'outcome', v_outcome, 'escalation_id', p_id, 'due', '[]'::jsonb);
    end if;
  end if;

  v_escalation := plane._close_escalation(p_id, 'resolved', v_outcome, p_payload);
  return v_counted || jsonb_build_object('status', 'answered', 'outcome', v_outcome, 'escalation_id', p_id)
    || plane._answer_event_waits(v_escalation.org_id, 'escalation.resolved', plane._decision_of(v_escalation));
end;
$$;
