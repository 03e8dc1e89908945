-- Answers the paid steps of an organisation that wait for nothing but a spent budget. Answers the doorbells.
--
-- p_outcome: approve, because there is money again · reject, because a person said stop
-- The guard asks for each such step (functions/shared/engine/guard.py: show.uses is ["budget <id> <limit>"]); what it asks about more
-- than the budget is left to people. Their questions are withdrawn: what was decided is the budget.
-- Locks: frames, deepest first, skipping those that somebody holds; then waits, then escalations. uses: waits_open_by_kind
create function plane._release_over_budget(p_budget plane.budgets, p_outcome text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by   constant jsonb := jsonb_build_object('kind', 'plane', 'id', p_budget.id, 'label', 'budget');
  v_wait record;
  v_due  jsonb := '[]';
begin
  for v_wait in
    with held as (
      select f.execution_id, f.frame, w.token, f.depth
      from plane.waits as w
      join plane.frames as f on f.execution_id = w.execution_id and f.frame = w.frame
      where w.org_id = p_budget.org_id and w.kind = 'approval' and w.answered_at is null
        and jsonb_array_length(case jsonb_typeof(w.data -> 'show' -> 'uses') when 'array' then w.data -> 'show' -> 'uses' else '[]' end) = 1
        and w.data -> 'show' -> 'uses' ->> 0 like format('budget %s %%', p_budget.id)
      order by f.depth desc, f.execution_id, f.frame
      limit 500
      for no key update of f skip locked
    )
    select * from held
  loop
    perform plane._close_escalation(e.id, 'cancelled', null)
    from plane.escalations as e
    where e.execution_id = v_wait.execution_id and e.wait_token = v_wait.token;
    if plane._answer_wait(v_wait.execution_id, v_wait.token, p_outcome,
      jsonb_build_object('outcome', p_outcome, 'form', '{}'::jsonb, 'decided_by', v_by))
    then
      v_due := v_due || plane._wake(v_wait.execution_id, v_wait.frame);
    end if;
  end loop;
  return v_due;
end;
$$;
