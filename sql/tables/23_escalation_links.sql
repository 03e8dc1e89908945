-- A one-time link: whoever holds its secret answers one escalation as one member. Good while the escalation is open, the member is
-- one who may decide by mail, it has not expired and was not used.
create table plane.escalation_links (
  id            uuid primary key default gen_random_uuid(),
  org_id        uuid not null references plane.organisations on delete cascade,
  escalation_id uuid not null references plane.escalations on delete cascade,
  user_id       uuid not null,              -- the member
  token_hash    bytea not null check (octet_length(token_hash) = 32), -- sha256 of sha256 of the secret
  created_by    jsonb not null,             -- the actor: the plane's mail chore
  created_at    timestamptz not null default plane.clock(),
  expires_at    timestamptz not null,
  used_at       timestamptz,
  constraint escalation_links_token_is_unique unique (token_hash)
);

create index escalation_links_of on plane.escalation_links (org_id, escalation_id);
create index escalation_links_old on plane.escalation_links (expires_at); -- for forgetting

-- Access
alter table plane.escalation_links enable row level security;
alter table plane.escalation_links force row level security;

create policy "managers of members see links" on plane.escalation_links
  for select to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('members:manage')));

create policy "the kernel makes and uses links" on plane.escalation_links
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the gateway looks up links" on plane.escalation_links
  for select to plane_gateway
  using (true);
