-- Says something about an escalation.
-- payload: {id, text} · answers: the escalation · raises: 404 escalation_not_found
create function api.comment_on_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.comment_on_escalation(payload);
  perform plane.record_audit('comment_on_escalation', 'escalations', payload ->> 'id');
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$$;

insert into gateway.verbs values ('comment_on_escalation', 'escalations:write', false);
