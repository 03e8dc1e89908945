-- What an organisation's before and after hashes are salted with, so that a value of few bits cannot be guessed from them.
create table plane.audit_salts (
  org_id uuid primary key references plane.organisations on delete cascade,
  salt   bytea not null default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);

-- Access: nobody but the auditor.
alter table plane.audit_salts enable row level security;
alter table plane.audit_salts force row level security;

create policy "the auditor salts" on plane.audit_salts
  for all to plane_auditor
  using (true)
  with check (true);
