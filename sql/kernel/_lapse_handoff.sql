-- Takes a hand-off back from who did not keep its lease, and buries one whose deadline has passed or that was given back too often.
-- Answers it as it stands now. p_code: why the claim ends: lease_expired or released; null: only if it is due.
-- The caller holds it and, if it is a step's, the step's frame.
create function plane._lapse_handoff(p_handoff plane.handoffs, p_code text default null, p_message text default null)
returns plane.handoffs
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_late constant boolean := coalesce(p_handoff.deadline_at <= plane.clock(), false);
  v_code    text := p_code;
  v_message text := p_message;
  v_handoff plane.handoffs;
  v_is_dead boolean;
begin
  if p_handoff.status not in ('pending', 'claimed', 'accepted') then
    return p_handoff;
  elsif v_is_late then
    v_code := 'deadline_passed';
    v_message := format('Its deadline passed while it was %s.', p_handoff.status);
  elsif v_code is null and p_handoff.status = 'claimed' and p_handoff.lease_until <= plane.clock() then
    v_code := 'lease_expired';
    v_message := format('Claim %s ran out without a result.', p_handoff.attempts);
  elsif v_code is null then
    return p_handoff;
  end if;

  v_is_dead := v_is_late or p_handoff.attempts >= p_handoff.max_attempts;
  update plane.handoffs
  set
    status = case when v_is_dead then 'dead' else 'pending' end,
    token_hash = null,
    lease_until = null,
    error = jsonb_build_object('code', v_code, 'message', v_message),
    updated_at = plane.clock(),
    completed_at = case when v_is_dead then plane.clock() end
  where id = p_handoff.id
  returning * into v_handoff;
  if p_handoff.status = 'claimed' and v_code <> 'released' then
    perform plane._note_handoff(v_handoff, 'expired');
  end if;
  if v_is_dead then
    perform plane._bury_handoff(v_handoff);
  end if;
  return v_handoff;
end;
$$;
