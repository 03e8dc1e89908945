-- The escalation of an open wait for a decision, held until the transaction ends; one that was opened before there were escalations
-- has the rules of its kind and nothing else.
create function plane._escalation_of(p_wait plane.waits)
returns plane.escalations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_escalation plane.escalations;
begin
  if p_wait.kind = 'budget' then
    select * into v_escalation
    from plane.escalations
    where kind = 'budget' and status in ('open', 'claimed')
      and execution_id = (select root_execution_id from plane.executions where id = p_wait.execution_id)
    for no key update;
  else
    select * into v_escalation
    from plane.escalations
    where execution_id = p_wait.execution_id and wait_token = p_wait.token
    for no key update;
  end if;
  if v_escalation.id is null then
    v_escalation.org_id := p_wait.org_id;
    v_escalation.kind := p_wait.kind;
    v_escalation.assign_to := '[]';
    v_escalation.needs_aal2 := false;
  end if;
  return v_escalation;
end;
$$;
