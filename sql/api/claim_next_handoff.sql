-- Takes the oldest hand-off that an agent may have and nobody else is taking at this moment. Null when there is none.
-- payload: {agent_id, lease_seconds} · answers: as claim_handoff, or null · raises: 422 unknown_agent
create function api.claim_next_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent   constant uuid := (payload ->> 'agent_id')::uuid;
  v_offered plane.handoffs;
  v_handoff plane.handoffs;
begin
  perform plane.require_live_agent(v_agent, '/agent_id');
  perform plane.note_agent(v_agent);
  for v_offered in select * from plane.offered_handoffs(v_agent, 50) loop
    -- Who has it this moment may be done with it before we would be: look at the next one instead of waiting.
    continue when not plane.try_hold_handoff(v_offered.id);
    v_handoff := plane.hold_handoff(v_offered.id);
    perform plane.settle_handoff(v_handoff.id); -- its deadline may have passed in this moment; the sweeper rings
    continue when v_handoff.status <> 'pending';
    return plane.take_handoff(v_handoff, v_agent, (payload ->> 'lease_seconds')::numeric);
  end loop;
  return null;
end;
$$;

insert into gateway.verbs values ('claim_next_handoff', 'handoffs:write', false);
