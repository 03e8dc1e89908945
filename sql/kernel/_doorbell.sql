-- The message that a frame may be due. A hint: it may be lost, late or repeated.
create function plane._doorbell(p_frame plane.frames)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object('execution_id', p_frame.execution_id, 'frame', p_frame.frame, 'queue', p_frame.queue, 'org_id', p_frame.org_id);
end;
$$;
