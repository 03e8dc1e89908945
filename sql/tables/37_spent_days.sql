-- What was spent on a day, by workflow and agent: what budgets are compared with. Written by plane.meter_usage alone.
create table plane.spent_days (
  org_id        uuid not null references plane.organisations on delete cascade,
  day           date not null,                           -- UTC
  workflow_id   uuid not null,                           -- zeros: no workflow, a call of /api/interpret or /api/memory
  agent_id      uuid not null default '00000000-0000-0000-0000-000000000000', -- zeros: no agent
  cost_usd      numeric(18, 9) not null default 0,       -- of the calls with a known price
  calls         bigint not null default 0,
  unknown_calls bigint not null default 0,               -- calls with an unknown price, which is not the same as 0
  primary key (org_id, day, workflow_id, agent_id)
);

-- Access
alter table plane.spent_days enable row level security;
alter table plane.spent_days force row level security;

create policy "callers read what they spent" on plane.spent_days
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel counts what is spent" on plane.spent_days
  for all to plane_kernel
  using (true)
  with check (true);
