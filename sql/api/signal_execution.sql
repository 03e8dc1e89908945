-- Sends a signal: an event by its name, or a decision (an approval, a lost step by its path, the budget), which needs approvals:decide.
-- payload: {execution_id, name, payload}
-- answers: {status: answered | voted | queued, outcome, …}, and due: the doorbells to ring
-- raises: 403 missing_scope, 404 execution_not_found, 409 not_waiting, wait_closed, 410 execution_ended, 422 invalid_outcome, invalid_amount
create function api.signal_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_signalled jsonb;
begin
  perform plane.require_signaller();
  v_signalled := plane.signal_execution(v_execution.id, payload ->> 'name', payload -> 'payload');
  -- A decision is in the audit as the escalation's, however it came.
  if v_signalled ->> 'status' = 'voted' then
    perform plane.record_audit('vote_escalation', 'escalations', v_signalled ->> 'escalation_id', jsonb_build_object(
      'outcome', v_signalled -> 'outcome', 'execution_id', v_execution.id));
  elsif v_signalled ->> 'escalation_id' is null then
    perform plane.record_audit('signal_execution', 'executions', v_execution.id::text, jsonb_build_object(
      'name', payload -> 'name', 'status', v_signalled -> 'status', 'outcome', v_signalled -> 'outcome'));
  end if;
  return v_signalled - 'token' || jsonb_build_object('execution_id', v_execution.id, 'name', payload -> 'name');
end;
$$;

insert into gateway.verbs values ('signal_execution', '', false);
