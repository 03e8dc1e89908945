-- Assigns one of the caller's escalations to somebody else, or changes its priority. An owner or an admin may always; who may answer
-- may pass it on; and who asked a question may change both.
--
-- p: {id, assign_to?, priority?} · Called by api.update_escalation. Locks: the escalation.
-- Raises 403 · 404 · 409 escalation_closed.
create function plane.update_escalation(p jsonb)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
  v_priority   constant text := coalesce(p ->> 'priority', v_escalation.priority);
  v_assign_to  jsonb := v_escalation.assign_to;
begin
  if not plane.manages_members()
    and not (v_escalation.kind = 'question' and v_escalation.created_by ->> 'id' = plane.caller_id()::text)
  then
    perform plane._require_may_answer(v_escalation);
  end if;
  perform plane._require_open(v_escalation);
  if p ? 'assign_to' then
    v_assign_to := plane._read_assignees(p -> 'assign_to');
  end if;

  update plane.escalations
  set
    priority = v_priority,
    rank = array_position(array['urgent', 'high', 'normal', 'low'], v_priority) - 1,
    assign_to = v_assign_to,
    announced_at = case when assign_to = v_assign_to then announced_at end
  where id = v_escalation.id;
  perform plane._note_escalation(v_escalation, 'escalation.assigned', jsonb_build_object('assign_to', v_assign_to, 'priority', v_priority));
end;
$$;

alter function plane.update_escalation(jsonb) owner to plane_kernel;
