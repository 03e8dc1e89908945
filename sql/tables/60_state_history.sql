-- What stood under a key of state before: a row for each version that was replaced, deleted or has expired.
create table plane.state_history (
  org_id     uuid not null references plane.organisations on delete cascade,
  component  text not null,
  key        text not null,
  version    bigint not null,
  value      jsonb not null,
  agent_id   uuid,
  created_at timestamptz not null,        -- of the key
  updated_at timestamptz not null,        -- this version counted from here
  ended_at   timestamptz not null,        -- to here
  ended_by   text not null,
    -- replaced · deleted · expired
  primary key (org_id, component, key, version),
  constraint state_history_ended_by_is_known check (ended_by in ('replaced', 'deleted', 'expired'))
);

create index state_history_by_age on plane.state_history (ended_at);

-- Access
alter table plane.state_history enable row level security;
alter table plane.state_history force row level security;

create policy "callers read their state's history" on plane.state_history
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers keep their state's history" on plane.state_history
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers drop their state's oldest history" on plane.state_history
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel keeps and drops history" on plane.state_history
  for all to plane_kernel
  using (true)
  with check (true);
