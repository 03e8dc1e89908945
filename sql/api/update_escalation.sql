-- Assigns an escalation or changes its priority, and moves it to the status that is named: open, claimed, resolved or dismissed.
-- payload: {id, assign_to?, priority?, status?, outcome?, form?, comment?} · answers: {escalation, due}
-- raises: 403, 404 escalation_not_found, 409 escalation_closed, already_claimed, awaited_by_execution, 422 invalid_outcome
create function api.update_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id      constant jsonb := jsonb_build_object('id', payload -> 'id');
  v_changes constant jsonb := payload - array['id', 'status', 'outcome', 'form', 'comment'];
begin
  if v_changes <> '{}' then
    perform plane.update_escalation(v_id || v_changes);
    perform plane.record_audit('update_escalation', 'escalations', payload ->> 'id', v_changes);
  end if;
  case payload ->> 'status'
    when 'open' then perform api.release_escalation(v_id);
    when 'claimed' then perform api.claim_escalation(v_id);
    when 'resolved' then return api.resolve_escalation(payload - array['status', 'assign_to', 'priority']);
    when 'dismissed' then return api.dismiss_escalation(payload - array['status', 'assign_to', 'priority']);
    else null;
  end case;
  return jsonb_build_object('escalation', api.get_escalation(v_id), 'due', '[]'::jsonb);
end;
$$;

insert into gateway.verbs values ('update_escalation', 'escalations:write', false);
