-- Answers a wait for escalation.resolved that names (match.id) a question which has been answered already. Whether it was.
-- The caller holds the event's topic and the frame.
create function plane._take_decision(p_wait plane.waits)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_escalation plane.escalations;
begin
  if p_wait.name <> 'escalation.resolved' or p_wait.match ->> 'id' is null then
    return false;
  end if;
  select * into v_escalation
  from plane.escalations
  where org_id = p_wait.org_id and id::text = p_wait.match ->> 'id' and kind = 'question' and decided_at is not null;
  if not found or not plane._has_equal(plane._decision_of(v_escalation), p_wait.match) then
    return false;
  end if;
  return plane._answer_wait(p_wait.execution_id, p_wait.token, 'answered', plane._decision_of(v_escalation));
end;
$$;
