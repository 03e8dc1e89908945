-- Closes the escalation of a wait that was closed in this transaction, as the wait was. A budget's stays open while anything of its
-- tree still waits for money; it is held meanwhile, so that who opens or closes such a wait comes before or after.
create function plane._close_escalation_of(p_wait plane.waits)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_root uuid;
  v_id   uuid;
begin
  if p_wait.kind = 'budget' then
    select root_execution_id into v_root from plane.executions where id = p_wait.execution_id;
    select id into v_id
    from plane.escalations
    where execution_id = v_root and kind = 'budget' and status in ('open', 'claimed')
    for no key update;
    if v_id is null or plane._has_open_budget(v_root) then
      return;
    end if;
  else
    select id into v_id from plane.escalations where execution_id = p_wait.execution_id and wait_token = p_wait.token;
  end if;

  -- Only a decision brings a payload: an outcome may have any name.
  if p_wait.payload is not null then
    perform plane._close_escalation(v_id, 'resolved', p_wait.outcome, p_wait.payload);
  elsif p_wait.outcome = 'timed_out' then
    perform plane._close_escalation(v_id, 'timed_out', nullif(p_wait.data ->> 'on_timeout', 'fail'));
  else
    perform plane._close_escalation(v_id, 'cancelled', null);
  end if;
end;
$$;
