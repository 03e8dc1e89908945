-- Takes an escalation, so that others see who looks at it.
-- payload: {id} · answers: the escalation · raises: 403, 404 escalation_not_found, 409 escalation_closed, already_claimed
create function api.claim_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.claim_escalation(payload);
  perform plane.record_audit('claim_escalation', 'escalations', payload ->> 'id');
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$$;

insert into gateway.verbs values ('claim_escalation', 'escalations:write', false);
