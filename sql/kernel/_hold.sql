-- Gives a frame to an owner: the next epoch, a lease, and what was due is closed. The caller holds the frame's lock.
-- Called by plane.claim and, for a parent whose group has ended, by plane._count_down.
create function plane._hold(p_frame plane.frames, p_claim_ref text, p_owner text, p_lease_seconds numeric)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Running, or made ready by a sweep: whoever held it has vanished. Who parks or chains leaves no claim_ref behind.
  v_vanished constant boolean := p_frame.claim_ref is not null;
  v_frame    plane.frames;
begin
  if p_frame.wait_deadline <= plane.clock() then
    perform plane._close_due(p_frame.execution_id, p_frame.frame);
  end if;
  update plane.frames
  set
    status = 'running',
    epoch = epoch + 1,
    due_at = plane.clock() + p_lease_seconds * interval '1 second',
    claim_ref = p_claim_ref,
    owner = p_owner,
    stall = stall + v_vanished::int,
    idle_claims = idle_claims + 1,
    dispatches = 0,
    has_answers = false
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$$;
