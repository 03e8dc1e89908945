-- Puts a mail about one of the caller's escalations into the outbox, for a member who may answer it by mail. The link goes to the
-- member's mailbox alone. While one waits to be sent: nothing happens.
--
-- p: {id, user_id} · Called by api.mail_escalation. Locks: the escalation.
-- Raises 404 escalation_not_found, member_not_found · 409 escalation_closed, not_by_mail.
create function plane.mail_escalation(p jsonb)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
  v_member     plane.members;
begin
  perform plane._require_open(v_escalation);
  select * into v_member from plane.members
  where org_id = v_escalation.org_id and user_id = (p ->> 'user_id')::uuid and removed_at is null;
  if not found then
    perform plane.raise_error(404, 'member_not_found', format('There is no member %s.', p ->> 'user_id'), 'List them with GET /api/members.');
  elsif not plane._may_be_mailed(v_escalation, v_member) then
    perform plane.raise_error(409, 'not_by_mail', 'This member may not answer this escalation by mail.',
      'It takes may_decide_by_mail, a role that decides, an assignment that includes them, and no second factor.');
  end if;
  insert into plane.escalation_mails (org_id, escalation_id, user_id)
  values (v_escalation.org_id, v_escalation.id, v_member.user_id)
  on conflict (escalation_id, user_id) where sent_at is null and given_up_at is null do update set due_at = plane.clock();
end;
$$;

alter function plane.mail_escalation(jsonb) owner to plane_kernel;
