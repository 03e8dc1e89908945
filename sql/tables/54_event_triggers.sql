-- What starts a workflow when an event happens.
create table plane.event_triggers (
  id         uuid primary key default gen_random_uuid(),
  org_id     uuid not null references plane.organisations on delete cascade,
  name       text not null check (char_length(name) between 1 and 100),
  event      text not null check (char_length(event) between 1 and 200), -- a type, prefix.* or *
  match      jsonb not null default '{}', -- fields of the event's data that must be equal
  target     jsonb not null,              -- {workflow, version?, input}
  is_enabled boolean not null default true,
  since_xid  xid8 not null,               -- events of transactions that had not ended when it was enabled
  created_by jsonb not null default '{}',
  created_at timestamptz not null default plane.clock(),
  updated_at timestamptz not null default plane.clock(),
  constraint event_triggers_name_is_unique unique (org_id, name)
);

create index event_triggers_recent on plane.event_triggers (org_id, created_at desc, id desc);

-- Access
alter table plane.event_triggers enable row level security;
alter table plane.event_triggers force row level security;

create policy "callers read their triggers" on plane.event_triggers
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add triggers" on plane.event_triggers
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their triggers" on plane.event_triggers
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers delete their triggers" on plane.event_triggers
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel finds triggers" on plane.event_triggers
  for select to plane_kernel
  using (true);
