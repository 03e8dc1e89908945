-- Takes a hand-off under a lease; exactly one of many wins. A claim that ran out is over, whether anybody has noticed or not.
-- payload: {id, agent_id?, lease_seconds}
-- answers: the hand-off, and token, this once · locks: the frame that waits, the hand-off
-- raises: 403 not_addressee, 404 handoff_not_found, 409 handoff_taken, handoff_ended, handoff_loop, 422 unknown_agent, invalid_input
create function api.claim_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff constant plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
  v_agent   constant uuid := plane.require_addressee(v_handoff, (payload ->> 'agent_id')::uuid);
begin
  if v_handoff.status <> 'pending' then
    perform plane.refuse_handoff_state(v_handoff, 'claimed');
  end if;
  return plane.take_handoff(v_handoff, v_agent, (payload ->> 'lease_seconds')::numeric);
end;
$$;

insert into gateway.verbs values ('claim_handoff', 'handoffs:write', false);
