-- Gives back one of the caller's escalations that somebody has taken: they themselves, an owner or an admin. Again: nothing happens.
--
-- p: {id} · Called by api.release_escalation. Locks: the escalation. Raises 403 not_yours · 404 · 409 escalation_closed.
create function plane.release_escalation(p jsonb)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
begin
  perform plane._require_open(v_escalation);
  if v_escalation.status = 'open' then
    return;
  elsif v_escalation.claimed_by ->> 'id' is distinct from plane.caller_id()::text and not plane.manages_members() then
    perform plane.raise_error(403, 'not_yours', 'Only who has taken it, an owner or an admin may give it back.',
      'Answer it all the same.', jsonb_build_object('claimed_by', v_escalation.claimed_by));
  end if;
  update plane.escalations set status = 'open', claimed_by = null where id = v_escalation.id;
  perform plane._note_escalation(v_escalation, 'escalation.released', '{}');
end;
$$;

alter function plane.release_escalation(jsonb) owner to plane_kernel;
