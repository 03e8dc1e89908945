-- Appends to the feed what the caller did with an escalation.
create function plane._note_escalation(p_escalation plane.escalations, p_type text, p_data jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane._record_event(p_escalation.org_id, p_escalation.execution_id, p_type, p_escalation.path, p_data || jsonb_build_object(
    'escalation_id', p_escalation.id, 'kind', p_escalation.kind, 'agent_id', p_escalation.agent_id, 'by', plane.caller_actor()));
end;
$$;
