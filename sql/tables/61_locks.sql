-- Who may work on something, for a while. Its name is a component and a key, as of state; there need be no value.
create table plane.locks (
  org_id      uuid not null references plane.organisations on delete cascade,
  component   text not null check (char_length(component) between 1 and 200),
  key         text not null check (char_length(key) between 1 and 500),
  token       bigint not null,            -- rises with every holder, never falls: the later holder's is higher
  holder      text,                       -- whatever the holder calls itself, for others to read
  agent_id    uuid,
  acquired_at timestamptz not null,
  lease_until timestamptz not null,       -- in the past: free
  primary key (org_id, component, key)
);

create index locks_by_age on plane.locks (lease_until);

-- One for all, so that a lock that was forgotten and made again never hands out an old token.
create sequence plane.fencing_token;

-- Access
alter table plane.locks enable row level security;
alter table plane.locks force row level security;

create policy "callers read their locks" on plane.locks
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers take locks" on plane.locks
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers renew and release their locks" on plane.locks
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel forgets old locks" on plane.locks
  for all to plane_kernel
  using (lease_until <= plane.clock());
