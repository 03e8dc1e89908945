-- Whether a step of a frame may act now, and as whom: the claims of the frame's organisation; null when the frame is not held.
--
-- The fence is read, not locked: what a zombie does just before it is evicted is done once by its idempotency key anyway, and a
-- lock here would cross with the frames that an event wakes.
create function plane._begin_act(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame   plane.frames;
  v_starter uuid;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return null;
  end if;
  select created_by into v_starter from plane.executions where id = v_frame.execution_id;
  return jsonb_build_object(
    'principal', 'runner',
    'org_id', v_frame.org_id,
    'key_id', v_frame.execution_id,
    'key_kind', 'runner',
    'execution_id', v_frame.execution_id,
    'starter_id', v_starter,
    'scopes', jsonb_build_array('state:read', 'state:write'));
end;
$$;

alter function plane._begin_act(jsonb) owner to plane_kernel;
