-- Notes that a mail was sent, or why not: it is tried again after its pause, eight times in all.
-- p: {id, error?} · answers {}. Called by the chore mails. Locks: the mail.
create function plane.note_mail(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update plane.escalation_mails
  set error = p ->> 'error', sent_at = case when p ->> 'error' is null then plane.clock() end
  where id = (p ->> 'id')::uuid and sent_at is null and given_up_at is null;
  return '{}';
end;
$$;

alter function plane.note_mail(jsonb) owner to plane_kernel;
