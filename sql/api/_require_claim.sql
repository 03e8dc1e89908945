-- Refuses whoever does not hold the claim of a hand-off: without its token, or with that of a claim that ran out.
-- raises: 422 invalid_input (token) · 409 claim_lost, and as plane.refuse_handoff_state
create function plane.require_claim(p_handoff plane.handoffs, p_token text, p_wanted text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_handoff.status <> 'claimed' then
    if p_token is not null and p_handoff.status in ('pending', 'accepted') then
      perform plane.raise_error(409, 'claim_lost', format('This claim has run out: the hand-off is %s now.', p_handoff.status),
        'Drop what you did, or claim it again.', jsonb_build_object('status', p_handoff.status));
    end if;
    perform plane.refuse_handoff_state(p_handoff, p_wanted);
  elsif p_token is null then
    perform plane.raise_error(422, 'invalid_input', 'The hand-off is claimed: only the claim''s token lets it move.', 'Send the token that claiming it gave.',
      '{"errors": [{"pointer": "/token", "code": "missing", "message": "token is missing"}]}');
  elsif sha256(convert_to(p_token, 'UTF8')) is distinct from p_handoff.token_hash then
    perform plane.raise_error(409, 'claim_lost', 'This is not the token of the present claim: it is another''s, or the lease ran out and another took the work.',
      'Drop what you did; read the hand-off to see who has it.', jsonb_build_object('status', p_handoff.status, 'agent_id', p_handoff.agent_id));
  end if;
end;
$$;
