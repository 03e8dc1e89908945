-- Takes a hand-off back: by who handed it over, an operator's key or a person. A step's goes with its execution.
-- payload: {id, agent_id?: who handed it over, reason?} · answers: the hand-off
-- raises: 403 not_creator, 404 handoff_not_found, 409 handoff_ended, bound_to_execution
create function api.cancel_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff constant plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
  v_actor   constant jsonb := plane.caller_actor();
begin
  if v_handoff.status not in ('pending', 'claimed', 'accepted') then
    perform plane.refuse_handoff_state(v_handoff, 'cancelled');
  elsif v_handoff.wait_token is not null then
    perform plane.raise_error(409, 'bound_to_execution', format('The step %s of an execution waits for it.', v_handoff.path),
      'Cancel the execution, or reject the hand-off: then the step fails.', jsonb_build_object('next', jsonb_build_array(jsonb_build_object(
        'why', 'cancel the execution', 'method', 'POST', 'path', format('/api/executions/%s/cancel', v_handoff.execution_id)))));
  elsif v_actor ->> 'id' is distinct from v_handoff.created_by ->> 'id' and v_actor ->> 'kind' = 'agent_key'
    and coalesce((payload ->> 'agent_id')::uuid <> v_handoff.from_agent_id, true)
  then
    perform plane.raise_error(403, 'not_creator', 'Only who handed it over may take it back.',
      'Send agent_id of the agent that handed it over, or use its key.', jsonb_build_object('from_agent_id', v_handoff.from_agent_id));
  end if;
  return plane.end_handoff(v_handoff, 'cancelled', 'cancel_handoff', null, null, jsonb_build_object(
    'code', 'cancelled', 'message', coalesce(payload ->> 'reason', 'Who handed it over took it back.')));
end;
$$;

insert into gateway.verbs values ('cancel_handoff', 'handoffs:write', false);
