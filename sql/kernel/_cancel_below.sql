-- Asks what lives below a frame to stop; p_tokens: only below these waits. Answers the doorbells.
create function plane._cancel_below(p_frame plane.frames, p_tokens text[] default null)
returns jsonb
language sql
set search_path = pg_catalog, pg_temp
as $$
  select plane._cancel_frames(coalesce(array_agg(b.execution_id), '{}'), coalesce(array_agg(b.frame), '{}'))
  from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame, p_tokens) as b;
$$;
