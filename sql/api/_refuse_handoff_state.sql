-- Raises 409 for what cannot be done to a hand-off as it stands: handoff_taken while another has it, handoff_ended once it is over,
-- handoff_not_taken while nobody has it. p_wanted: accepted, claimed, completed, …
create function plane.refuse_handoff_state(p_handoff plane.handoffs, p_wanted text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_more constant jsonb := jsonb_strip_nulls(jsonb_build_object('status', p_handoff.status, 'agent_id', p_handoff.agent_id,
    'lease_until', plane.time_text(p_handoff.lease_until)));
begin
  if p_handoff.status in ('claimed', 'accepted') then
    perform plane.raise_error(409, 'handoff_taken',
      format('The hand-off is %s already%s, so it cannot be %s.', p_handoff.status,
        coalesce(' until ' || plane.time_text(p_handoff.lease_until), ''), p_wanted),
      'Take another one; a claim that is not extended gives it back. The same Idempotency-Key gives the first answer again.', v_more);
  elsif p_handoff.status = 'pending' then
    perform plane.raise_error(409, 'handoff_not_taken', format('The hand-off is pending: nobody has taken it, so it cannot be %s.', p_wanted),
      'Claim it, or send {"status": "accepted"} first.', v_more || jsonb_build_object('next', jsonb_build_array(jsonb_build_object(
        'why', 'claim it', 'method', 'POST', 'path', format('/api/handoffs/%s/claim', p_handoff.id)))));
  end if;
  perform plane.raise_error(409, 'handoff_ended', format('The hand-off is %s, so it cannot be %s.', p_handoff.status, p_wanted),
    'Read it to see how it ended; hand the work over anew if it is still to be done.', v_more);
end;
$$;
