-- Notes that a policy or a budget has stopped a step, or has had a person asked: an event and an entry of the audit, once a path.
--
-- p: {execution_id, frame, epoch, gen, path, effect: denied | asked, subject, policy_id?, policy?, reason?} → {ok}, or {ok: false, reason: stale}
create function plane.note_policy(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_told  constant jsonb := jsonb_strip_nulls(p - '{frame,epoch,gen,effect}'::text[]);
  v_type  constant text := 'policy.' || (p ->> 'effect');
  v_key   constant text := concat_ws('|', v_type, p ->> 'execution_id', p ->> 'gen', p ->> 'path', p ->> 'subject');
  v_frame plane.frames;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;
  insert into plane.events (org_id, execution_id, type, path, data, idempotency_key)
  values (v_frame.org_id, v_frame.execution_id, v_type, p ->> 'path', v_told - '{execution_id,path}'::text[],
    encode(sha256(convert_to(v_key, 'UTF8')), 'hex'))
  on conflict do nothing;
  if found then
    perform plane.record_plane_audit(v_frame.org_id, case p ->> 'effect' when 'denied' then 'deny_step' else 'ask_about_step' end,
      'executions', v_frame.execution_id::text, v_told - 'execution_id');
  end if;
  return jsonb_build_object('ok', true);
end;
$$;

alter function plane.note_policy(jsonb) owner to plane_kernel;
