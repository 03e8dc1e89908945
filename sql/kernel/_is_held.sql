-- Whether the holder of this epoch may still write: nobody claimed after it. A sweep alone evicts nobody.
create function plane._is_held(p_frame plane.frames, p_epoch bigint)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    p_frame.epoch = p_epoch
    and (p_frame.status = 'running' or (p_frame.status = 'ready' and p_frame.claim_ref is not null)), false);
end;
$$;
