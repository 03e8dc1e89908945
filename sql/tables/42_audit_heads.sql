-- How far an organisation's audit is sealed. Locked by who seals, and by nobody else.
create table plane.audit_heads (
  org_id uuid primary key references plane.organisations on delete cascade,
  seq    bigint not null default 0,           -- how many entries are sealed
  hash   text not null default repeat('0', 64) -- of the last seal
);

-- Access: only the auditor writes.
alter table plane.audit_heads enable row level security;
alter table plane.audit_heads force row level security;

create policy "callers read how far their audit is sealed" on plane.audit_heads
  for select to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('audit:read')));

create policy "the auditor moves the head" on plane.audit_heads
  for all to plane_auditor
  using (true)
  with check (true);
