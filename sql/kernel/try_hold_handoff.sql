-- Holds the caller's hand-off until the transaction ends, unless somebody else does; whether it is held.
-- Locks: the frame that waits, the hand-off, waiting for neither. Raises 404 handoff_not_found.
create function plane.try_hold_handoff(p_id uuid)
returns boolean
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
  elsif v_handoff.wait_token is not null and not plane._hold_frame_of_handoff(v_handoff, false) then
    return false;
  end if;
  perform from plane.handoffs where id = p_id for no key update skip locked;
  return found;
end;
$$;

alter function plane.try_hold_handoff(uuid) owner to plane_kernel;
