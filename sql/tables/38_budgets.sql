-- How much an organisation, one of its workflows or one of its agents may spend in a day or a month (UTC).
create table plane.budgets (
  id             uuid primary key default gen_random_uuid(),
  org_id         uuid not null references plane.organisations on delete cascade,
  scope          text not null check (scope in ('organisation', 'workflow', 'agent')),
  workflow_id    uuid references plane.workflows on delete cascade,
  agent_id       uuid references plane.agents on delete cascade,
  period         text not null check (period in ('day', 'month')),
  limit_usd      numeric(18, 9) not null check (limit_usd >= 0),
  on_reached     text not null check (on_reached in ('stop', 'ask')),
    -- stop  paid steps fail and nothing is started until the period ends or somebody raises it
    -- ask   paid steps wait, and a person is asked, once a period, whether to raise it or to stop
  warn_at        numeric(4, 3) check (warn_at > 0 and warn_at < 1), -- share of the limit at which budget.warned is recorded
  created_by     jsonb not null,
  created_at     timestamptz not null default plane.clock(),
  updated_at     timestamptz not null default plane.clock(),
  warned_on      date,                                   -- the period's first day: it was warned of in this period
  reached_on     date,                                   -- it was reached in this period
  raised_on      date,                                   -- raised_usd counts in this period
  raised_usd     numeric(18, 9) not null default 0,
  stopped_on     date,                                   -- a person said stop in this period
  escalation_id  uuid,                                   -- the question of this period
  watched_at     timestamptz not null default '-infinity',
  constraint budgets_scope_names_its_target check (
    (scope = 'workflow') = (workflow_id is not null) and (scope = 'agent') = (agent_id is not null))
);

create unique index budgets_one_each on plane.budgets (
  org_id, scope, period, coalesce(workflow_id, agent_id, '00000000-0000-0000-0000-000000000000'));
create index budgets_of_a_workflow on plane.budgets (workflow_id) where workflow_id is not null;
create index budgets_of_an_agent on plane.budgets (agent_id) where agent_id is not null;

-- Access
alter table plane.budgets enable row level security;
alter table plane.budgets force row level security;

create policy "callers read their budgets" on plane.budgets
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers set budgets" on plane.budgets
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their budgets" on plane.budgets
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers delete their budgets" on plane.budgets
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel watches budgets" on plane.budgets
  for all to plane_kernel
  using (true)
  with check (true);
