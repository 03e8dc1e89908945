-- Answers the wait of a step's hand-off that has ended, and wakes the step. Answers the doorbells; none when no step waits for it.
-- Called by every verb that ends a hand-off, after plane.hold_handoff in the same transaction: the frame is held. Raises 404 handoff_not_found.
create function plane.settle_handoff(p_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff plane.handoffs;
begin
  perform plane._require_org();
  v_handoff := plane.find_handoff(p_id);
  return plane._settle_handoff(v_handoff);
end;
$$;

alter function plane.settle_handoff(uuid) owner to plane_kernel;
