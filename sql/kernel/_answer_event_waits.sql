-- Answers every open wait of an organisation for an event that matches. Answers {matched, due: [doorbell]}.
-- Locks: the frames that wait (deepest first), then the waits; the caller holds the topic.
create function plane._answer_event_waits(p_org_id uuid, p_name text, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wait    plane.waits;
  v_matched int := 0;
  v_due     jsonb := '[]';
begin
  perform
  from plane.frames as f
  where (f.execution_id, f.frame) in (
    select w.execution_id, w.frame
    from plane.waits as w
    where w.org_id = p_org_id and w.name = p_name and w.kind = 'event' and w.answered_at is null
      and plane._has_equal(p_payload, w.match))
  order by f.depth desc, f.execution_id, f.frame
  for no key update;

  for v_wait in
    select *
    from plane.waits as w
    where w.org_id = p_org_id and w.name = p_name and w.kind = 'event' and w.answered_at is null
      and plane._has_equal(p_payload, w.match)
  loop
    if plane._answer_wait(v_wait.execution_id, v_wait.token, 'answered', p_payload) then
      v_matched := v_matched + 1;
      v_due := v_due || plane._wake(v_wait.execution_id, v_wait.frame);
    end if;
  end loop;
  return jsonb_build_object('matched', v_matched, 'due', v_due);
end;
$$;
