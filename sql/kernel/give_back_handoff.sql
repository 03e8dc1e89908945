-- Ends the claim of the caller's hand-off, because its holder says so: pending again, or dead after the last of its attempts.
-- The caller holds it by plane.hold_handoff and has checked the claim. Raises 404 handoff_not_found.
create function plane.give_back_handoff(p_id uuid, p_message text)
returns plane.handoffs
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff plane.handoffs;
begin
  perform plane._require_org();
  v_handoff := plane.find_handoff(p_id);
  return plane._lapse_handoff(v_handoff, 'released', left(p_message, 2000));
end;
$$;

alter function plane.give_back_handoff(uuid, text) owner to plane_kernel;
