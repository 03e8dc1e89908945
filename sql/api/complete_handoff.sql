-- Says what came of a hand-off. An accepted one needs no token, a claimed one that of its claim.
-- Whether the output fits what the packet accepts is checked before (functions/handoffs): packets never change.
-- payload: {id, output_data?, agent_id?, token?} · answers: the hand-off, and due: doorbells
-- raises: 403 not_addressee, 404 handoff_not_found, 409 claim_lost, handoff_ended, handoff_not_taken, 422 invalid_input
create function api.complete_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff constant plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
begin
  perform plane.require_taker(v_handoff, (payload ->> 'agent_id')::uuid);
  if v_handoff.status <> 'accepted' or payload ->> 'token' is not null then
    perform plane.require_claim(v_handoff, payload ->> 'token', 'completed');
  end if;
  return plane.end_handoff(v_handoff, 'completed', 'complete_handoff', null, payload -> 'output_data');
end;
$$;

insert into gateway.verbs values ('complete_handoff', 'handoffs:write', false);
