-- Outputs over 2 kB, by content: the same document is kept once an organisation.
create table plane.payloads (
  org_id     uuid not null,
  hash       bytea not null,
  body       jsonb not null,
  size       int not null,                -- bytes of its text
  created_at timestamptz not null default plane.clock(),
  primary key (org_id, hash)
);

-- Access
alter table plane.payloads enable row level security;
alter table plane.payloads force row level security;

create policy "callers read their payloads" on plane.payloads
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel keeps payloads" on plane.payloads
  for all to plane_kernel
  using (true)
  with check (true);
