-- Gives a pending hand-off to an agent under a lease. Answers it with the claim's token, which is shown this once.
-- The caller holds it. called by: claim_handoff, claim_next_handoff
create function plane.take_handoff(p_handoff plane.handoffs, p_agent_id uuid, p_lease_seconds numeric)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token   constant text := 'hoc_' || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
  v_handoff plane.handoffs;
begin
  if p_handoff.to_agent_id is null then
    perform plane.refuse_handoff_loop(p_handoff.parent_id, p_handoff.from_agent_id, p_agent_id, p_handoff.hops);
  end if;
  update plane.handoffs
  set
    status = 'claimed',
    agent_id = p_agent_id,
    taken_by = plane.caller_actor(),
    token_hash = sha256(convert_to(v_token, 'UTF8')),
    fence = nextval('plane.fencing_token'),
    lease_until = plane.clock() + p_lease_seconds * interval '1 second',
    attempts = attempts + 1,
    updated_at = plane.clock(),
    accepted_at = plane.clock()
  where id = p_handoff.id
  returning * into v_handoff;
  perform plane.note_handoff(v_handoff, 'claim_handoff', 'claimed', jsonb_build_object('lease_until', plane.time_text(v_handoff.lease_until)));
  return plane.handoff_json(v_handoff) || jsonb_build_object('token', v_token);
end;
$$;
