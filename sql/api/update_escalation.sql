-- Assigns an escalation, or changes its priority.
-- payload: {id, assign_to?, priority?} · answers: the escalation · raises: 403, 404 escalation_not_found, 409 escalation_closed
create function api.update_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.update_escalation(payload);
  perform plane.record_audit('update_escalation', 'escalations', payload ->> 'id', payload - 'id');
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$$;

insert into gateway.verbs values ('update_escalation', 'escalations:write', false);
