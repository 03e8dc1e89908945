-- Sends a member a mail with a one-time link to answer an escalation.
-- payload: {id, user_id} · answers: the escalation
-- raises: 404 escalation_not_found, member_not_found, 409 escalation_closed, not_by_mail
create function api.mail_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.mail_escalation(payload);
  perform plane.record_audit('mail_escalation', 'escalations', payload ->> 'id', jsonb_build_object('user_id', payload -> 'user_id'));
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$$;

insert into gateway.verbs values ('mail_escalation', 'members:manage', false);
