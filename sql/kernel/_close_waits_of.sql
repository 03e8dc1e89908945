-- Closes every open wait of a frame as cancelled.
-- Locks: the waits; the caller holds the frame.
create function plane._close_waits_of(p_execution_id uuid, p_frame text)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  with closed as (
    update plane.waits
    set answered_at = plane.clock(), outcome = 'cancelled'
    where execution_id = p_execution_id and frame = p_frame and answered_at is null
    returning org_id, path, kind, token
  )
  insert into plane.events (org_id, execution_id, type, path, data)
  select org_id, p_execution_id, 'wait.answered', path, jsonb_build_object('kind', kind, 'token', token, 'outcome', 'cancelled')
  from closed;
$$;
