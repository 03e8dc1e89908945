-- The outbox: a mail about an escalation to a member who may decide by mail. Sent at least once; deleted with its escalation.
create table plane.escalation_mails (
  id            uuid primary key default gen_random_uuid(),
  org_id        uuid not null references plane.organisations on delete cascade,
  escalation_id uuid not null references plane.escalations on delete cascade,
  user_id       uuid not null,              -- the member
  attempts      int not null default 0,
  due_at        timestamptz not null default plane.clock(), -- while it is being sent: when it is tried again
  sent_at       timestamptz,
  given_up_at   timestamptz,                -- nothing to answer any more, no such member any more, or refused too often
  error         text,                       -- of the last try
  created_at    timestamptz not null default plane.clock(),
  constraint escalation_mails_end_once check (sent_at is null or given_up_at is null)
);

create index escalation_mails_due on plane.escalation_mails (due_at) where sent_at is null and given_up_at is null;
create unique index escalation_mails_waiting on plane.escalation_mails (escalation_id, user_id) where sent_at is null and given_up_at is null;
create index escalation_mails_of on plane.escalation_mails (org_id, escalation_id);

-- Access
alter table plane.escalation_mails enable row level security;
alter table plane.escalation_mails force row level security;

create policy "managers of members see what was mailed" on plane.escalation_mails
  for select to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('members:manage')));

create policy "the kernel keeps the outbox" on plane.escalation_mails
  for all to plane_kernel
  using (true)
  with check (true);
