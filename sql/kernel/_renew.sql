-- Renews a lease: due_at is indexed, so it moves only when less than a third is left or a sweep had offered the frame to others.
-- The caller holds the frame's lock and has checked that it is the owner's.
create function plane._renew(p_frame plane.frames, p_lease_seconds numeric)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lease interval := p_lease_seconds * interval '1 second';
  v_frame plane.frames;
begin
  if p_frame.status = 'running' and p_frame.due_at > plane.clock() + v_lease / 3 then
    return p_frame;
  end if;
  update plane.frames
  set status = 'running', due_at = plane.clock() + v_lease
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$$;
