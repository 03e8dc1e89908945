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
  v_skipped uuid;
  v_holds   boolean := false;
begin
  perform plane.require_live_agent(v_agent, '/agent_id');
  perform plane.note_agent(v_agent);
  for v_offered in select * from plane.offered_handoffs(v_agent, 50) loop
    -- Who has it this moment may be done with it before we would be: look at the next one instead of waiting.
    if not plane.try_hold_handoff(v_offered.id) then
      v_skipped := coalesce(v_skipped, v_offered.id);
      continue;
    end if;
    v_holds := true;
    v_handoff := plane.hold_handoff(v_offered.id);
    perform plane.settle_handoff(v_handoff.id); -- its deadline may have passed in this moment; the sweeper rings
    continue when v_handoff.status <> 'pending';
    return plane.take_handoff(v_handoff, v_agent, (payload ->> 'lease_seconds')::numeric);
  end loop;
  -- Whoever holds nothing may wait: the step that hands it over, or a claimer that gives it up, is about to let go of it.
  if v_skipped is not null and not v_holds then
    v_handoff := plane.hold_handoff(v_skipped);
    perform plane.settle_handoff(v_skipped);
    if v_handoff.status = 'pending' then
      return plane.take_handoff(v_handoff, v_agent, (payload ->> 'lease_seconds')::numeric);
    end if;
  end if;
  return null;
end;
$$;

insert into gateway.verbs values ('claim_next_handoff', 'handoffs:write', false);
