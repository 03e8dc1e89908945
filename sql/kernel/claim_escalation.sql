-- Takes one of the caller's escalations, so that others see who looks at it. It keeps nobody from answering. Again: nothing happens.
--
-- p: {id} · Called by api.claim_escalation. Locks: the escalation.
-- Raises 403 as plane._require_may_answer · 404 · 409 escalation_closed, already_claimed.
create function plane.claim_escalation(p jsonb)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
begin
  perform plane._require_may_answer(v_escalation);
  perform plane._require_open(v_escalation);
  if v_escalation.claimed_by ->> 'id' = plane.caller_id()::text then
    return;
  elsif v_escalation.status = 'claimed' then
    perform plane.raise_error(409, 'already_claimed',
      format('%s has taken it.', coalesce(v_escalation.claimed_by ->> 'label', 'Somebody')),
      'Take another one, or answer it all the same.', jsonb_build_object('claimed_by', v_escalation.claimed_by));
  end if;
  update plane.escalations set status = 'claimed', claimed_by = plane.caller_actor() where id = v_escalation.id;
  perform plane._note_escalation(v_escalation, 'escalation.claimed', '{}');
end;
$$;

alter function plane.claim_escalation(jsonb) owner to plane_kernel;
