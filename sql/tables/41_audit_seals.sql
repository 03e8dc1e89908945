-- The chain of an organisation's audit: the exact text that was hashed for each entry, which holds the hash before it.
create table plane.audit_seals (
  org_id    uuid not null references plane.organisations on delete cascade,
  seq       bigint not null check (seq > 0),  -- 1, 2, 3, … without gaps
  entry_id  bigint not null,
  text      text not null,                    -- JSON, written once
  hash      text not null,                    -- sha256 of text, hex
  sealed_at timestamptz not null default plane.clock(),
  primary key (org_id, seq)
);

-- Access: only the auditor writes.
alter table plane.audit_seals enable row level security;
alter table plane.audit_seals force row level security;

create policy "callers read their organisation's seals" on plane.audit_seals
  for select to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('audit:read')));

create policy "the auditor seals" on plane.audit_seals
  for all to plane_auditor
  using (true)
  with check (true);
