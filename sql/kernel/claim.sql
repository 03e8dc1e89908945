-- Takes a frame that is due: lease, next epoch, and everything to plan over. One statement at any length.
--
-- p: {execution_id, frame, queue, claim_ref, owner, lease_seconds = 30, known: [content_hash]}
-- The same claim_ref gets the same epoch again while it holds the frame: a lost answer costs nothing.
-- Refusals: {ok: false, reason: gone | wrong_queue | busy | not_due, retry_in_ms}
-- Locks: the frame, then its waits.
create function plane.claim(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref    text := p ->> 'claim_ref';
  v_lease  numeric := coalesce((p ->> 'lease_seconds')::numeric, 30);
  v_known  jsonb := coalesce(p -> 'known', '[]');
  v_frame  plane.frames;
begin
  perform plane._check_isolation();
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '')
  for no key update;

  if not found or v_frame.status = 'done' then
    return jsonb_build_object('ok', false, 'reason', 'gone', 'retry_in_ms', null);
  end if;
  if v_frame.queue <> p ->> 'queue' then
    return jsonb_build_object('ok', false, 'reason', 'wrong_queue', 'retry_in_ms', null, 'queue', v_frame.queue);
  end if;
  if v_frame.claim_ref = v_ref and v_frame.status in ('running', 'ready') then
    return plane._claimed(plane._renew(v_frame, v_lease), v_known);
  end if;
  if v_frame.status in ('running', 'waiting') and v_frame.due_at > plane.clock() then
    return jsonb_build_object(
      'ok', false,
      'reason', case v_frame.status when 'running' then 'busy' else 'not_due' end,
      'retry_in_ms', plane._ms_until(v_frame.due_at));
  end if;

  v_frame := plane._hold(v_frame, v_ref, p ->> 'owner', v_lease);
  return plane._claimed(v_frame, v_known);
end;
$$;

alter function plane.claim(jsonb) owner to plane_kernel;
