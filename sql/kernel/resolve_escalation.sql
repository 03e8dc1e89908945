-- Answers one of the caller's escalations, or adds a vote to it: the wait that it is bound to, or what was asked by itself.
--
-- p: {id, outcome, form?, comment?, output?} · Answers {status: answered | voted, outcome, missing, due: [doorbell]}.
-- Called by api.resolve_escalation, also for the holder of a one-time link.
-- Locks: bound: the frames, the waits, the escalation; else the topic of escalation.resolved, the escalation, the frames that wait for it.
-- Raises 403 as plane._require_may_answer · 404 · 409 escalation_closed · 422 invalid_outcome, invalid_amount.
create function plane.resolve_escalation(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org        constant uuid := plane._require_org();
  v_id         constant uuid := (p ->> 'id')::uuid;
  v_payload    constant jsonb := p - 'id';
  v_escalation plane.escalations;
  v_execution  plane.executions;
  v_wait       plane.waits;
  v_answer     jsonb;
begin
  perform plane._check_isolation();
  select * into v_escalation from plane.escalations where id = v_id and org_id = v_org;
  if not found then
    perform plane.raise_no_escalation(v_id);
  end if;
  -- Who may not answer learns that first, whatever became of it.
  perform plane._require_may_answer(v_escalation);
  perform plane._require_open(v_escalation);
  if v_escalation.wait_token is null and v_escalation.kind <> 'budget' then
    return plane._resolve_question(v_id, v_payload);
  end if;

  if v_escalation.kind = 'budget' then
    select * into v_execution from plane.executions where id = v_escalation.execution_id;
    if plane._has_open_budget(v_execution.id) then
      v_answer := plane._decide_budget(v_execution, v_payload);
    end if;
  else
    select * into v_wait from plane.waits where execution_id = v_escalation.execution_id and token = v_escalation.wait_token;
    v_answer := plane._signal_wait(v_wait, v_payload);
  end if;
  if v_answer is null then -- somebody else was first
    select * into v_escalation from plane.escalations where id = v_id;
    perform plane._require_open(v_escalation);
  end if;
  return v_answer;
end;
$$;

alter function plane.resolve_escalation(jsonb) owner to plane_kernel;
