-- Keeps what the caller has to say about one of their escalations, also once it is closed.
--
-- p: {id, text} · Called by api.comment_on_escalation. Locks: the escalation. Raises 404.
create function plane.comment_on_escalation(p jsonb)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
begin
  insert into plane.escalation_comments (org_id, escalation_id, author, text)
  values (v_escalation.org_id, v_escalation.id, plane.caller_actor(), p ->> 'text');
  perform plane._note_escalation(v_escalation, 'escalation.commented', '{}');
end;
$$;

alter function plane.comment_on_escalation(jsonb) owner to plane_kernel;
