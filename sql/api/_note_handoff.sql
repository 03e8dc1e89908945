-- Notes what was done to a hand-off: an event, and who did it in the audit. p_done: created, claimed, released, accepted, rejected, …
-- p_more: what else the event says
create function plane.note_handoff(p_handoff plane.handoffs, p_action text, p_done text, p_more jsonb default '{}')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_about constant jsonb := jsonb_build_object(
    'agent_id', p_handoff.agent_id, 'from_agent_id', p_handoff.from_agent_id, 'to_agent_id', p_handoff.to_agent_id,
    'attempts', p_handoff.attempts) || p_more;
begin
  perform plane.note_event('handoff.' || p_done, v_about || jsonb_build_object(
    'handoff_id', p_handoff.id, 'goal', left(p_handoff.packet ->> 'goal', 200), 'path', p_handoff.path, 'by', plane.caller_actor()),
    p_handoff.execution_id);
  perform plane.record_audit(p_action, 'handoffs', p_handoff.id::text, jsonb_strip_nulls(v_about));
end;
$$;
