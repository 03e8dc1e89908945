-- One run of one version. Cold: written at its start and at its end; what moves is in frames.
create table plane.executions (
  id                  uuid primary key default gen_random_uuid(),
  org_id              uuid not null references plane.organisations on delete cascade,
  workflow_id         uuid not null references plane.workflows,
  version_id          uuid not null references plane.workflow_versions,
  mode                text not null default 'engine' check (mode in ('engine', 'external')),
  status              text not null default 'running',
    -- running    has not ended; reads refine it to queued, running or waiting from its frames
    -- succeeded · failed · cancelled · timed_out
  gen                 int not null default 0,           -- rises with every retry
  input               jsonb not null default '{}',
  output              jsonb,
  error               jsonb,                            -- {code, message, path?}
  agent_id            uuid,
  executed_with_model text,
  callback_url        text,
  parent_execution_id uuid,                             -- sub-workflow: who called
  parent_path         text,
  root_execution_id   uuid not null,                    -- itself, unless it is a child
  depth               int not null default 0,
  restarted_from      uuid,
  cost_usd            numeric(18, 9),                   -- set at the end; null while running or when a price is unknown
  known_cost_usd      numeric(18, 9),                   -- set at the end: the sum of what is known
  created_by          uuid,                             -- the key that started it
  created_at          timestamptz not null default plane.clock(),
  deadline_at         timestamptz,
  cancel_requested_at timestamptz,
  ended_at            timestamptz,
  payloads_dropped_at timestamptz,                      -- what it was given and gave is gone: see plane.retention
  constraint executions_status_is_known check (status in ('running', 'succeeded', 'failed', 'cancelled', 'timed_out')),
  constraint executions_ended_iff_terminal check ((status = 'running') = (ended_at is null)),
  constraint executions_depth_is_bounded check (depth between 0 and 10)
);

create index executions_recent on plane.executions (org_id, created_at desc, id desc);
create index executions_by_workflow on plane.executions (org_id, workflow_id, created_at desc, id desc);
create index executions_by_agent on plane.executions (org_id, agent_id, created_at desc, id desc) where agent_id is not null;
create index executions_by_status on plane.executions (org_id, status, created_at desc, id desc);
create index executions_children on plane.executions (root_execution_id) where parent_execution_id is not null;
create index executions_reported_cost on plane.executions (org_id, ended_at) where mode = 'external' and known_cost_usd is not null;
create index executions_by_parent on plane.executions (parent_execution_id) where parent_execution_id is not null;
create index executions_open_by_agent on plane.executions (org_id, agent_id, created_at desc) where agent_id is not null and status = 'running';
create index executions_ended_by_agent on plane.executions (org_id, agent_id, ended_at desc) where agent_id is not null and status <> 'running';
create index executions_ended_of_agents on plane.executions (ended_at) where agent_id is not null and status <> 'running'; -- for records of agents
create index executions_running on plane.executions (id) where status = 'running' and mode = 'engine'; -- for plane.violations
create index executions_with_payloads on plane.executions (org_id, ended_at) where ended_at is not null and payloads_dropped_at is null;

-- Access
alter table plane.executions enable row level security;
alter table plane.executions force row level security;

create policy "callers read their executions" on plane.executions
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel moves executions" on plane.executions
  for all to plane_kernel
  using (true)
  with check (true);
