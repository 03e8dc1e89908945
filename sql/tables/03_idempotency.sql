-- The answer that a POST with an Idempotency-Key got. Written in the same transaction as what the POST did.
create table plane.idempotency (
  org_id      uuid not null references plane.organisations on delete cascade,
  key_id      uuid not null,              -- the caller, a key or a person: keys of other callers never meet
  key         text not null check (char_length(key) between 1 and 255),
  fingerprint text not null,              -- sha256 of method, route and canonical body
  answer      jsonb,
  created_at  timestamptz not null default plane.clock(),
  primary key (org_id, key_id, key)
);

create index idempotency_old on plane.idempotency (created_at);

-- Access
alter table plane.idempotency enable row level security;
alter table plane.idempotency force row level security;

create policy "callers read their own answers" on plane.idempotency
  for select to authenticated
  using (org_id = (select plane.caller_org()) and key_id = (select plane.caller_id()));

create policy "callers keep their own answers" on plane.idempotency
  for insert to authenticated
  with check (org_id = (select plane.caller_org()) and key_id = (select plane.caller_id()));

create policy "callers complete their own answers" on plane.idempotency
  for update to authenticated
  using (org_id = (select plane.caller_org()) and key_id = (select plane.caller_id()))
  with check (org_id = (select plane.caller_org()) and key_id = (select plane.caller_id()));

create policy "the kernel forgets old answers" on plane.idempotency
  for all to plane_kernel
  using (true);
