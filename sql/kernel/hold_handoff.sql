-- The caller's hand-off, held until the transaction ends, as it stands now: a claim that ran out is over, a deadline that passed counts.
-- Every verb that moves a hand-off begins here. A step's is held after the step's frame, as whoever closes its wait does.
-- Locks: the frame that waits, the hand-off. Raises 404 handoff_not_found.
create function plane.hold_handoff(p_id uuid)
returns plane.handoffs
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org     constant uuid := plane._require_org();
  v_handoff plane.handoffs;
begin
  perform plane._check_isolation();
  select * into v_handoff from plane.handoffs where id = p_id and org_id = v_org;
  if v_handoff.id is null then
    perform plane.find_handoff(p_id); -- raises
  elsif v_handoff.wait_token is not null then
    perform plane._hold_frame_of_handoff(v_handoff);
  end if;
  select * into v_handoff from plane.handoffs where id = p_id and org_id = v_org for no key update;
  return plane._lapse_handoff(v_handoff);
end;
$$;

alter function plane.hold_handoff(uuid) owner to plane_kernel;
