-- What became of an agent's last hundred pieces of work: executions that it ran, hand-offs that it took. Kept by the plane alone.
create table plane.agent_records (
  org_id     uuid not null references plane.organisations on delete cascade,
  agent_id   uuid primary key references plane.agents on delete cascade,
  succeeded  int not null,
  failed     int not null,
  p50_ms     bigint,                      -- from the start of the work to its end; of what succeeded
  mean_usd   numeric(18, 9),              -- of what has a known cost
  last_error text,                        -- of the newest that failed
  ended_at   timestamptz not null,        -- of the newest piece that is counted here
  updated_at timestamptz not null default plane.clock()
);

create index agent_records_of on plane.agent_records (org_id, agent_id);
create index agent_records_newest on plane.agent_records (ended_at); -- where counting goes on

-- Access
alter table plane.agent_records enable row level security;
alter table plane.agent_records force row level security;

create policy "callers read their agents' records" on plane.agent_records
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel keeps records" on plane.agent_records
  for all to plane_kernel
  using (true)
  with check (true);
