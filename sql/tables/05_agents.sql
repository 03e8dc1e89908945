-- An agent that registered itself.
create table plane.agents (
  id            uuid primary key default gen_random_uuid(),
  org_id        uuid not null references plane.organisations on delete cascade,
  name          text not null check (char_length(name) between 1 and 200),
  framework     text not null default 'custom',
  description   text,
  capabilities  jsonb not null default '[]',
  endpoint      text,
  config        jsonb not null default '{}',
  status        text not null default 'active',
    -- active      may be given work
    -- inactive    said itself that it pauses
    -- deprecated  kept for the record
  lease_seconds int check (lease_seconds between 5 and 86400), -- null: serverless, never lost
  last_seen_at  timestamptz not null default plane.clock(),
  created_at    timestamptz not null default plane.clock(),
  updated_at    timestamptz not null default plane.clock(),
  deleted_at    timestamptz,
  card_url      text,                     -- it was discovered by this A2A agent card
  noted_health  text not null default 'active', -- what the feed of events last said
  noted_at      timestamptz not null default plane.clock(), -- when it began to say so
  constraint agents_status_is_known check (status in ('active', 'inactive', 'deprecated'))
);

create unique index agents_name_is_unique on plane.agents (org_id, name) where deleted_at is null;
create unique index agents_card_is_unique on plane.agents (org_id, card_url) where card_url is not null and deleted_at is null;
create index agents_recent on plane.agents (org_id, created_at desc, id desc);

-- Access
alter table plane.agents enable row level security;
alter table plane.agents force row level security;

create policy "callers read their agents" on plane.agents
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers register agents" on plane.agents
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their agents" on plane.agents
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel sees how agents are" on plane.agents
  for select to plane_kernel
  using (true);

create policy "the kernel notes how agents are" on plane.agents
  for update to plane_kernel
  using (true)
  with check (true);
