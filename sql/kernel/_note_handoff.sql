-- Notes what the plane did to a hand-off by itself: an event and an audit entry. p_done: expired, dead, cancelled, created.
create function plane._note_handoff(p_handoff plane.handoffs, p_done text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane._record_event(p_handoff.org_id, p_handoff.execution_id, 'handoff.' || p_done, p_handoff.path, jsonb_build_object(
    'handoff_id', p_handoff.id, 'from_agent_id', p_handoff.from_agent_id, 'to_agent_id', p_handoff.to_agent_id,
    'agent_id', p_handoff.agent_id, 'goal', left(p_handoff.packet ->> 'goal', 200), 'attempts', p_handoff.attempts,
    'code', p_handoff.error ->> 'code'));
  perform plane.record_plane_audit(p_handoff.org_id, case p_done
      when 'expired' then 'expire_handoff' when 'dead' then 'bury_handoff' when 'created' then 'create_handoff' else 'cancel_handoff' end,
    'handoffs', p_handoff.id::text, jsonb_strip_nulls(jsonb_build_object(
      'execution_id', p_handoff.execution_id, 'agent_id', p_handoff.agent_id, 'attempts', p_handoff.attempts,
      'code', p_handoff.error ->> 'code')));
end;
$$;
