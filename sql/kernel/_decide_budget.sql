-- Answers every open budget wait of a tree at once; a grant is split evenly between the frames that wait.
--
-- p_payload: {outcome: grant, form: {usd}} adds money; {outcome: stop} lets each decide what to do without. Who says approve or
-- reject, as to any other question, means these.
-- Locks: the frames, deepest first, the waits, the escalation. Raises 403 missing_scope · 409 wait_closed · 422 invalid_outcome, invalid_amount.
create function plane._decide_budget(p_execution plane.executions, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_outcome    constant text := case p_payload ->> 'outcome' when 'approve' then 'grant' when 'reject' then 'stop' else p_payload ->> 'outcome' end;
  v_payload    constant jsonb := case when v_outcome is null then p_payload else p_payload || jsonb_build_object('outcome', v_outcome) end;
  v_by         constant uuid := plane.caller_id();
  v_usd        numeric := 0;
  v_held       text[];
  v_waits      plane.waits[];
  v_wait       plane.waits;
  v_escalation plane.escalations;
  v_due        jsonb := '[]';
begin
  perform plane._require_decider('budget');
  perform plane._require_outcome(v_payload, '["grant", "stop"]');
  if v_outcome = 'grant' then
    v_usd := plane._read_amount(v_payload -> 'form' -> 'usd');
  end if;

  with held as (
    select f.execution_id, f.frame
    from plane.frames as f
    where (f.execution_id, f.frame) in (select w.execution_id, w.frame from plane._budget_waits(p_execution.id) as w)
    order by f.depth desc, f.execution_id, f.frame
    for no key update
  )
  select array_agg(held.execution_id || '/' || held.frame) into v_held from held;
  -- What was opened since belongs to a frame that is not held here: it goes on asking.
  select array_agg(w) into v_waits
  from plane._budget_waits(p_execution.id) as w
  where w.execution_id || '/' || w.frame = any (v_held);
  if v_waits is null then
    perform plane.raise_error(409, 'wait_closed', 'Somebody decided the budget already.', 'Read the execution to see how.');
  end if;
  v_escalation := plane._escalation_of(v_waits[1]);
  perform plane._require_may_answer(v_escalation);

  foreach v_wait in array v_waits loop
    if plane._answer_wait(v_wait.execution_id, v_wait.token, v_outcome, v_payload || jsonb_build_object('decided_by', plane.caller_actor()), v_by) then
      update plane.frames
      set budget_usd = budget_usd + trunc(v_usd / cardinality(v_waits), 9)
      where execution_id = v_wait.execution_id and frame = v_wait.frame;
      v_due := v_due || plane._wake(v_wait.execution_id, v_wait.frame);
    end if;
  end loop;
  return jsonb_build_object('status', 'answered', 'token', v_wait.token, 'outcome', v_outcome, 'escalation_id', v_escalation.id, 'due', v_due);
end;
$$;
