-- A JSON value by component and key. Expired rows are invisible to reads and removed by the sweeper.
create table plane.state (
  org_id     uuid not null references plane.organisations on delete cascade,
  component  text not null check (char_length(component) between 1 and 200),
  key        text not null check (char_length(key) between 1 and 500),
  value      jsonb not null,
  version    bigint not null default 1,   -- rises with every write, also across a delete within the same row's life
  agent_id   uuid,
  expires_at timestamptz,
  created_at timestamptz not null default plane.clock(),
  updated_at timestamptz not null default plane.clock(),
  primary key (org_id, component, key)
);

-- Lists by prefix compare bytes, whatever the database's locale.
create index state_by_prefix on plane.state (org_id, component, key collate "C");
create index state_by_agent on plane.state (org_id, agent_id, updated_at desc) where agent_id is not null;
create index state_expired on plane.state (expires_at) where expires_at is not null;

-- Access
alter table plane.state enable row level security;
alter table plane.state force row level security;

create policy "callers read their state" on plane.state
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers put state" on plane.state
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their state" on plane.state
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers delete their state" on plane.state
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel removes expired state" on plane.state
  for delete to plane_kernel
  using (expires_at is not null);

create policy "the kernel locks what it removes" on plane.state
  for update to plane_kernel
  using (expires_at is not null);

create policy "the kernel measures state" on plane.state
  for select to plane_kernel
  using (true);
