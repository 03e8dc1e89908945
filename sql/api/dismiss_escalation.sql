-- Dismisses a question: it needs no answer any more.
-- payload: {id, comment?} · answers: {escalation, due} · raises: 403, 404 escalation_not_found, 409 escalation_closed, awaited_by_execution
create function api.dismiss_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_dismissed constant jsonb := plane.dismiss_escalation(payload);
begin
  return jsonb_build_object(
    'escalation', plane.escalation_json(plane.find_escalation(payload ->> 'id'), true), 'due', v_dismissed -> 'due');
end;
$$;

insert into gateway.verbs values ('dismiss_escalation', 'escalations:write', false);
