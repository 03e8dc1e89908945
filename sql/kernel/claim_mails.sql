-- Takes mails that are due from the outbox, each with a one-time link for its member: only the hash of the link's secret is kept.
-- A mail comes back after a pause that doubles, until plane.note_mail says that it was sent.
--
-- p: {token_hashes: [hex sha256 of a secret]}: at most so many mails · answers {mails: [{id, token_hash, to, organisation,
--    escalation: {id, kind, reason, priority, outcomes, deadline}, expires_at}]}
-- Called by the chore mails. Locks: mails, skipping those that somebody holds.
create function plane.claim_mails(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hashes     constant text[] := array(select jsonb_array_elements_text(p -> 'token_hashes'));
  v_mail       plane.escalation_mails;
  v_escalation plane.escalations;
  v_member     plane.members;
  v_link       plane.escalation_links;
  v_mails      jsonb := '[]';
begin
  for v_mail in
    select *
    from plane.escalation_mails
    where due_at <= plane.clock() and sent_at is null and given_up_at is null
    order by due_at
    limit cardinality(v_hashes)
    for no key update skip locked
  loop
    select * into v_escalation from plane.escalations where id = v_mail.escalation_id;
    select * into v_member from plane.members where org_id = v_mail.org_id and user_id = v_mail.user_id;
    if v_member.user_id is null or not plane._may_be_mailed(v_escalation, v_member) or v_mail.attempts >= 8 then
      update plane.escalation_mails set given_up_at = plane.clock() where id = v_mail.id;
      continue;
    end if;

    update plane.escalation_mails
    set attempts = attempts + 1, due_at = plane.clock() + interval '30 seconds' * 2 ^ attempts
    where id = v_mail.id;
    insert into plane.escalation_links (org_id, escalation_id, user_id, token_hash, created_by, expires_at)
    values (v_mail.org_id, v_mail.escalation_id, v_mail.user_id, sha256(decode(v_hashes[jsonb_array_length(v_mails) + 1], 'hex')),
      '{"kind": "plane", "id": null, "label": "mail"}', least(v_escalation.deadline, plane.clock() + interval '7 days'))
    returning * into v_link;
    perform plane.record_plane_audit(v_mail.org_id, 'create_link', 'escalation_links', v_link.id::text,
      jsonb_build_object('escalation_id', v_mail.escalation_id, 'user_id', v_mail.user_id));
    v_mails := v_mails || jsonb_build_object(
      'id', v_mail.id,
      'token_hash', v_hashes[jsonb_array_length(v_mails) + 1],
      'to', v_member.email,
      'organisation', (select o.name from plane.organisations as o where o.id = v_mail.org_id),
      'escalation', jsonb_build_object(
        'id', v_escalation.id, 'kind', v_escalation.kind, 'reason', v_escalation.reason, 'priority', v_escalation.priority,
        'outcomes', v_escalation.outcomes, 'deadline', v_escalation.deadline),
      'expires_at', v_link.expires_at);
  end loop;
  return jsonb_build_object('mails', v_mails);
end;
$$;

alter function plane.claim_mails(jsonb) owner to plane_kernel;
