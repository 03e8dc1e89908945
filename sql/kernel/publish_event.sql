-- Publishes an event in the caller's organisation: it is recorded, and answers every open wait for it that matches.
--
-- p_idempotency_key: the second event with it changes nothing
-- Answers {id, matched, due: [doorbell]}. Called by plane.act. An event counts only for waits that are open now.
-- Raises 422 reserved_event. Locks: the topic, then the frames that wait (deepest first), then the waits.
create function plane.publish_event(p_name text, p_payload jsonb, p_execution_id uuid default null, p_idempotency_key text default null)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane._require_org();
  v_id  bigint;
begin
  perform plane._check_isolation();
  perform plane._refuse_own_event(p_name);
  perform plane._lock_topics(array[v_org || '/' || p_name]);
  insert into plane.events (org_id, execution_id, type, name, data, idempotency_key)
  values (v_org, p_execution_id, 'event', p_name, coalesce(p_payload, '{}'), p_execution_id || '/' || p_idempotency_key)
  on conflict (org_id, idempotency_key) where idempotency_key is not null do nothing
  returning feed_id into v_id;
  if v_id is null then
    select feed_id into v_id
    from plane.events
    where org_id = v_org and idempotency_key = p_execution_id || '/' || p_idempotency_key;
    return jsonb_build_object('id', v_id::text, 'matched', 0, 'due', '[]'::jsonb);
  end if;

  return jsonb_build_object('id', v_id::text) || plane._answer_event_waits(v_org, p_name, p_payload);
end;
$$;

alter function plane.publish_event(text, jsonb, uuid, text) owner to plane_kernel;
