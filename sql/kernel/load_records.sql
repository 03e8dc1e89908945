-- More of what an owner plans over, in pages of at most 4 MB: the records of one scope, or bodies of large outputs.
--
-- p: {execution_id, frame, epoch, parent, after?} → {ok, records, more}; after is the path of the last one
-- p: {execution_id, frame, epoch, refs: [hex]} → {ok, payloads: {hex: body}, more}; ask again for those that are missing
create function plane.load_records(p jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;
  if p ? 'refs' then
    return plane._load_payloads(v_frame.org_id, p -> 'refs');
  end if;
  return plane._load_scope(v_frame, p ->> 'parent', p ->> 'after');
end;
$$;

alter function plane.load_records(jsonb) owner to plane_kernel;
