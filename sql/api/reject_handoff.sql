-- Says no to a hand-off, for good: it ends. To let another agent do it, release the claim instead.
-- payload: {id, agent_id?, reason?, output_data?, token?} · answers: the hand-off, and due: doorbells
-- raises: 403 not_addressee, 404 handoff_not_found, 409 claim_lost, handoff_ended, 422 unknown_agent, invalid_input
create function api.reject_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff constant plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
  v_agent   uuid := (payload ->> 'agent_id')::uuid;
begin
  if v_handoff.status = 'pending' and payload ->> 'token' is null then
    v_agent := plane.require_addressee(v_handoff, v_agent);
  else
    perform plane.require_taker(v_handoff, v_agent);
    if v_handoff.status <> 'accepted' or payload ->> 'token' is not null then
      perform plane.require_claim(v_handoff, payload ->> 'token', 'rejected');
    end if;
  end if;
  return plane.end_handoff(v_handoff, 'rejected', 'reject_handoff', v_agent, payload -> 'output_data', jsonb_build_object(
    'code', 'rejected', 'message', coalesce(payload ->> 'reason', 'The agent rejected it.')));
end;
$$;

insert into gateway.verbs values ('reject_handoff', 'handoffs:write', false);
