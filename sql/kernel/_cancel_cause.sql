-- Why a frame should stop: null, cancelled, or timed_out when the execution's deadline has passed.
create function plane._cancel_cause(p_frame plane.frames)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_frame.cancel_requested then 'cancelled' when p_frame.deadline_at <= plane.clock() then 'timed_out' end;
end;
$$;
