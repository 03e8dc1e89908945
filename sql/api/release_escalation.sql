-- Gives back an escalation that was taken.
-- payload: {id} · answers: the escalation · raises: 403 not_yours, 404 escalation_not_found, 409 escalation_closed
create function api.release_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.release_escalation(payload);
  perform plane.record_audit('release_escalation', 'escalations', payload ->> 'id');
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$$;

insert into gateway.verbs values ('release_escalation', 'escalations:write', false);
