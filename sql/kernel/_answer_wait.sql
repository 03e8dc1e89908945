-- Answers a wait, unless somebody was first: exactly one closer wins. Whether it was this one.
-- What people were asked closes with it, and so does what was handed over. The caller holds the frame, and wakes it.
create function plane._answer_wait(p_execution_id uuid, p_token text, p_outcome text, p_payload jsonb, p_by uuid default null)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wait plane.waits;
begin
  update plane.waits
  set answered_at = plane.clock(), outcome = p_outcome, payload = p_payload, answered_by = p_by
  where execution_id = p_execution_id and token = p_token and answered_at is null
  returning * into v_wait;
  if not found then
    return false;
  end if;
  perform plane._record_event(v_wait.org_id, p_execution_id, 'wait.answered', v_wait.path,
    jsonb_build_object('kind', v_wait.kind, 'token', p_token, 'outcome', p_outcome, 'by', p_by,
      'duration_ms', round(1000 * extract(epoch from v_wait.answered_at - v_wait.opened_at), 3)));
  perform plane._close_asked(v_wait);
  return true;
end;
$$;
