-- An offer to join an organisation, to whoever holds the token and has signed in with the address.
create table plane.invitations (
  id          uuid primary key default gen_random_uuid(),
  org_id      uuid not null references plane.organisations on delete cascade,
  email       text not null check (char_length(email) between 3 and 320),
  role        text not null,
  token_hash  bytea not null check (octet_length(token_hash) = 32), -- sha256 of sha256 of the token
  created_by  jsonb not null,           -- the actor
  created_at  timestamptz not null default plane.clock(),
  expires_at  timestamptz not null,
  accepted_at timestamptz,
  accepted_by uuid,                     -- the member's user_id
  revoked_at  timestamptz,              -- also when a newer one to the same address took its place
  constraint invitations_role_is_known check (role in ('viewer', 'approver', 'operator', 'admin', 'owner')),
  constraint invitations_token_is_unique unique (token_hash),
  constraint invitations_accepted_by_somebody check ((accepted_at is null) = (accepted_by is null)),
  constraint invitations_end_once check (accepted_at is null or revoked_at is null)
);

create unique index invitations_open on plane.invitations (org_id, lower(email)) where accepted_at is null and revoked_at is null;
create index invitations_recent on plane.invitations (org_id, created_at desc, id desc);

-- Access
alter table plane.invitations enable row level security;
alter table plane.invitations force row level security;

create policy "callers see their organisation's invitations" on plane.invitations
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers invite to their organisation" on plane.invitations
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers take back their organisation's invitations" on plane.invitations
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the gateway finds invitations" on plane.invitations
  for select to plane_gateway
  using (true);

create policy "the gateway accepts invitations" on plane.invitations
  for update to plane_gateway
  using (true);
