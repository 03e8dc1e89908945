-- Closes an escalation, unless somebody was first: its outcome, one event, one audit entry. The closed one; null: it was closed.
--
-- p_status: resolved | dismissed, by the caller · timed_out | cancelled, by the plane
-- p_answer: {form?, comment?} of who decided · Locks: the escalation, after frames and waits.
create function plane._close_escalation(p_id uuid, p_status text, p_outcome text, p_answer jsonb default null)
returns plane.escalations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by      constant jsonb := case when p_status in ('resolved', 'dismissed') then plane.caller_actor() end;
  v_action  constant text := (jsonb '{"resolved": "resolve", "dismissed": "dismiss", "timed_out": "time_out", "cancelled": "cancel"}'
    ->> p_status) || '_escalation';
  v_details jsonb;
  v_closed  plane.escalations;
begin
  update plane.escalations
  set
    status = p_status, outcome = p_outcome, answer = nullif(p_answer -> 'form', 'null'), comment = p_answer ->> 'comment', decided_by = v_by,
    decided_at = plane.clock()
  where id = p_id and status in ('open', 'claimed')
  returning * into v_closed;
  if not found then
    return null;
  end if;

  v_details := jsonb_build_object('kind', v_closed.kind, 'outcome', p_outcome, 'execution_id', v_closed.execution_id, 'path', v_closed.path,
    'link_id', plane.caller_claims() -> 'link_id');
  perform plane._record_event(v_closed.org_id, v_closed.execution_id, 'escalation.' || p_status, v_closed.path,
    v_details - 'execution_id' || jsonb_build_object('escalation_id', p_id, 'agent_id', v_closed.agent_id, 'by', v_by));
  if v_by is null then
    perform plane.record_plane_audit(v_closed.org_id, v_action, 'escalations', p_id::text, jsonb_strip_nulls(v_details));
  else
    perform plane.record_audit(v_action, 'escalations', p_id::text, jsonb_strip_nulls(v_details));
  end if;
  return v_closed;
end;
$$;
