-- Takes a pending hand-off without a lease: it is the agent's until it completes or rejects it. Again is refused, for the same agent too.
-- payload: {id, agent_id?} · answers: the hand-off
-- raises: 403 not_addressee, 404 handoff_not_found, 409 handoff_taken, handoff_ended, handoff_loop, 422 unknown_agent, invalid_input
create function api.accept_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
  v_agent   constant uuid := plane.require_addressee(v_handoff, (payload ->> 'agent_id')::uuid);
begin
  if v_handoff.status <> 'pending' then
    perform plane.refuse_handoff_state(v_handoff, 'accepted');
  end if;
  if v_handoff.to_agent_id is null then
    perform plane.refuse_handoff_loop(v_handoff.parent_id, v_handoff.from_agent_id, v_agent, v_handoff.hops);
  end if;
  update plane.handoffs
  set
    status = 'accepted',
    agent_id = v_agent,
    taken_by = plane.caller_actor(),
    attempts = attempts + 1,
    updated_at = plane.clock(),
    accepted_at = plane.clock()
  where id = v_handoff.id
  returning * into v_handoff;
  perform plane.note_handoff(v_handoff, 'accept_handoff', 'accepted');
  return plane.handoff_json(v_handoff);
end;
$$;

insert into gateway.verbs values ('accept_handoff', 'handoffs:write', false);
