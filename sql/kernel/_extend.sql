-- The writing half of plane.extend_lease: the lease, what is in flight, and waits whose deadline has passed.
create function plane._extend(p_frame plane.frames, p_lease_seconds numeric, p_in_flight jsonb)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames := plane._renew(p_frame, p_lease_seconds);
begin
  if p_frame.wait_deadline <= plane.clock() then
    perform plane._close_due(p_frame.execution_id, p_frame.frame);
  end if;
  update plane.frames
  set in_flight = coalesce(p_in_flight, in_flight)
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$$;
