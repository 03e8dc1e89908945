-- Renews the lease of a claim. payload: {id, token, lease_seconds} · answers: the hand-off
-- raises: 404 handoff_not_found, 409 claim_lost, handoff_ended, handoff_not_taken, handoff_taken, 422 invalid_input
create function api.extend_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
begin
  perform plane.require_claim(v_handoff, payload ->> 'token', 'extended');
  update plane.handoffs
  set lease_until = plane.clock() + (payload ->> 'lease_seconds')::numeric * interval '1 second', updated_at = plane.clock()
  where id = v_handoff.id
  returning * into v_handoff;
  perform plane.note_agent(v_handoff.agent_id);
  return plane.handoff_json(v_handoff);
end;
$$;

insert into gateway.verbs values ('extend_handoff', 'handoffs:write', false);
