-- One independently leased line of progress: the hot table. Rows are deleted ten minutes after they are done.
create table plane.frames (
  execution_id        uuid not null,
  frame               text not null default '',        -- '' is the root; 'sources/3' a shard
  org_id              uuid not null,
  root_execution_id   uuid not null,
  depth               int not null default 0,          -- 2 x the execution's depth, + 1 for a shard: lock deeper first
  queue               text not null default 'default',
  status              text not null default 'ready',
    -- ready    due, nobody has it
    -- running  somebody holds the lease until due_at
    -- waiting  parked; due_at is the least deadline
    -- done     ended; due_at is when the row is deleted
  epoch               bigint not null default 0,       -- the fence: + 1 with every claim
  seq                 bigint not null default 0,       -- + 1 with every checkpoint: a repeated one is recognised
  due_at              timestamptz not null default plane.clock(),
  claim_ref           text,
  owner               text,                            -- which plane or function holds it; kept by a sweep
  gen                 int not null default 0,
  stall               int not null default 0,          -- claims in a row without a result
  dispatches          int not null default 0,          -- sweeps in a row without a claim
  records             int not null default 0,          -- checkpoints written by this frame
  cancel_requested    boolean not null default false,
  cancel_grace_until  timestamptz,                     -- it has finished but for what lives below; then that is fenced
  has_answers         boolean not null default false,  -- a wait was answered and no owner was told yet
  wait_deadline       timestamptz,                     -- not later than the least deadline of its open waits
  in_flight           jsonb not null default '{}',     -- {path: {attempt, at_most_once}}
  budget_usd          numeric(18, 9),                  -- this frame's slice; null: no limit
  spent_usd           numeric(18, 9) not null default 0,
  deadline_at         timestamptz not null,            -- the execution's
  parent_execution_id uuid,
  parent_frame        text,
  parent_token        text,                            -- the wait that this frame's end counts down
  shard               jsonb,                           -- {path, from, to, max_parallel}
  last_checkpoint     jsonb,                           -- what the answer to the last one is made of, for a repeated call
  idle_claims         int not null default 0,          -- claims in a row that recorded nothing, for whatever reason
  primary key (execution_id, frame),
  constraint frames_status_is_known check (status in ('ready', 'running', 'waiting', 'done'))
)
with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0
);

-- The kernel's only question to it; lease extensions leave due_at alone until a third is left, so updates stay HOT.
create index frames_due on plane.frames (org_id, due_at);
create index frames_tree on plane.frames (root_execution_id);

-- Access
alter table plane.frames enable row level security;
alter table plane.frames force row level security;

create policy "callers read their frames" on plane.frames
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel moves frames" on plane.frames
  for all to plane_kernel
  using (true)
  with check (true);
