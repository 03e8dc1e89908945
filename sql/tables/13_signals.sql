-- A signal that came before its wait was opened; taken in order by name.
create table plane.signals (
  execution_id uuid not null,
  id           bigint generated always as identity,
  org_id       uuid not null,
  name         text not null,
  payload      jsonb,
  sent_by      uuid,
  sent_at      timestamptz not null default plane.clock(),
  taken_at     timestamptz,
  primary key (execution_id, id)
);

create index signals_queued on plane.signals (execution_id, name, id) where taken_at is null;

-- Access
alter table plane.signals enable row level security;
alter table plane.signals force row level security;

create policy "callers read their signals" on plane.signals
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel queues and takes signals" on plane.signals
  for all to plane_kernel
  using (true)
  with check (true);
