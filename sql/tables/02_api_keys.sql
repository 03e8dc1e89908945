-- A key that an agent, an integration, an operator or a runner presents. Only sha256 of what is presented is stored, and
-- that is an HMAC of the key with the plane's pepper, where it has one.
create table plane.api_keys (
  id           uuid primary key default gen_random_uuid(),
  org_id       uuid references plane.organisations on delete cascade,
  name         text not null check (char_length(name) between 1 and 100),
  kind         text not null,
    -- agent        an agent or an integration
    -- operator     a deployment's key: may manage keys and decide budgets; approvals are people's
    -- runner       the plane's own: only the kernel verbs; belongs to no organisation
  key_hash     bytea not null check (octet_length(key_hash) = 32),
  prefix       text not null,             -- shown in lists, never enough to log in
  scopes       text[] not null default '{}',
  created_at   timestamptz not null default plane.clock(),
  created_by   uuid,                      -- the key that made it
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,               -- within a minute
  rotated_from uuid,                      -- the key that this one takes over from
  rotated_to   uuid,                      -- the key that takes over: this one works until expires_at
  signing_key  text check (signing_key ~ '^[A-Za-z0-9+/]{43}=$'), -- Ed25519, public: requests with this key must be signed; never changes
  constraint api_keys_kind_is_known check (kind in ('agent', 'operator', 'runner')),
  constraint api_keys_org_iff_not_runner check ((kind = 'runner') = (org_id is null)),
  constraint api_keys_hash_is_unique unique (key_hash),
  constraint api_keys_runners_do_not_sign check (kind <> 'runner' or signing_key is null)
);

create index api_keys_recent on plane.api_keys (org_id, created_at desc, id desc);

-- Access
alter table plane.api_keys enable row level security;
alter table plane.api_keys force row level security;

create policy "callers see their organisation's keys" on plane.api_keys
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add keys to their organisation" on plane.api_keys
  for insert to authenticated
  with check (org_id = (select plane.caller_org()) and kind <> 'runner');

create policy "callers change their organisation's keys" on plane.api_keys
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()) and kind <> 'runner');

create policy "the gateway looks up keys" on plane.api_keys
  for select to plane_gateway
  using (true);

create policy "the gateway notes when keys were used" on plane.api_keys
  for update to plane_gateway
  using (true);

create policy "the gateway adds first keys and runners" on plane.api_keys
  for insert to plane_gateway
  with check (true);
