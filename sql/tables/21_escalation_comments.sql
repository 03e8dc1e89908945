-- What was said about an escalation. Insert only.
create table plane.escalation_comments (
  id            uuid primary key default gen_random_uuid(),
  org_id        uuid not null references plane.organisations on delete cascade,
  escalation_id uuid not null references plane.escalations on delete cascade,
  author        jsonb not null,             -- the actor
  text          text not null check (char_length(text) between 1 and 10000),
  created_at    timestamptz not null default plane.clock()
);

create index escalation_comments_in_order on plane.escalation_comments (org_id, escalation_id, created_at, id);
create index escalation_comments_of on plane.escalation_comments (escalation_id); -- for the cascade

-- Access
alter table plane.escalation_comments enable row level security;
alter table plane.escalation_comments force row level security;

create policy "callers read their comments" on plane.escalation_comments
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel keeps comments" on plane.escalation_comments
  for all to plane_kernel
  using (true)
  with check (true);
