-- Ends a hand-off and tells the step that waits for it. Answers it, and due: the doorbells. The caller holds it and has checked that it may.
-- called by: complete_handoff, reject_handoff, cancel_handoff
create function plane.end_handoff(
  p_handoff plane.handoffs, p_status text, p_action text, p_agent_id uuid, p_output jsonb default null, p_error jsonb default null)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff plane.handoffs;
begin
  update plane.handoffs
  set
    status = p_status,
    agent_id = coalesce(p_agent_id, agent_id),
    taken_by = case when p_status = 'cancelled' then taken_by else plane.caller_actor() end,
    token_hash = null,
    lease_until = null,
    output_data = p_output,
    error = p_error,
    updated_at = plane.clock(),
    completed_at = plane.clock()
  where id = p_handoff.id
  returning * into v_handoff;
  perform plane.note_handoff(v_handoff, p_action, p_status, jsonb_build_object(
    'code', p_error -> 'code', 'seconds', round(extract(epoch from v_handoff.completed_at - v_handoff.accepted_at), 3)));
  return plane.handoff_json(v_handoff) || jsonb_build_object('due', plane.settle_handoff(v_handoff.id));
end;
$$;
