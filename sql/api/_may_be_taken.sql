-- Whether a hand-off is free at this moment: pending, or claimed by somebody who did not keep the lease and has left an attempt.
create function plane.may_be_taken(p_handoff plane.handoffs)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_handoff.deadline_at > plane.clock(), true) and (
    p_handoff.status = 'pending'
    or (p_handoff.status = 'claimed' and p_handoff.lease_until <= plane.clock() and p_handoff.attempts < p_handoff.max_attempts));
end;
$$;
