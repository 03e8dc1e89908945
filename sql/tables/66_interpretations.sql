-- What was read of data with a model's help, by the hash of everything that was asked; the same question is not paid twice.
create table plane.interpretations (
  org_id     uuid not null references plane.organisations on delete cascade,
  hash       bytea not null check (octet_length(hash) = 32),
  answer     jsonb not null,              -- fields, model, usage; the data itself is not kept
  model      text not null,
  cost_usd   numeric(18, 9),              -- null: unknown
  created_at timestamptz not null default plane.clock(),
  expires_at timestamptz not null,
  primary key (org_id, hash)
);

create index interpretations_expired on plane.interpretations (expires_at);

-- Access
alter table plane.interpretations enable row level security;
alter table plane.interpretations force row level security;

create policy "callers read their interpretations" on plane.interpretations
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers keep interpretations" on plane.interpretations
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers renew their interpretations" on plane.interpretations
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel removes expired interpretations" on plane.interpretations
  for all to plane_kernel
  using (expires_at <= plane.clock());
