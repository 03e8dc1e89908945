-- Locks the live frames below a frame, deepest first. Every verb that locks several frames uses this order.
create function plane._lock_below(p_root_execution_id uuid, p_execution_id uuid, p_frame text, p_tokens text[] default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from plane.frames as f
  where (f.execution_id, f.frame) in (
    select b.execution_id, b.frame from plane._below(p_root_execution_id, p_execution_id, p_frame, p_tokens) as b)
  order by f.depth desc, f.execution_id, f.frame
  for no key update;
end;
$$;
