-- The append-only record of an ended step. A succeeded one is never run again.
create table plane.checkpoints (
  execution_id    uuid not null,
  gen             int not null,
  path            text not null,          -- classify · sources[2] · polish[1].draft
  org_id          uuid not null,
  frame           text not null,
  parent          text not null,          -- the enclosing scope: '' · sources · polish[1]
  kind            text not null,          -- the step's kind; round and item for the control records of groups
  status          text not null check (status in ('succeeded', 'failed', 'skipped', 'cancelled')),
  output          jsonb,                  -- up to 2 kB, otherwise output_ref
  output_ref      bytea,                  -- sha256 in payloads
  error           jsonb,                  -- {code, message, ...}
  attempts        int not null default 1,
  ended_at        timestamptz not null default plane.clock(),
  duration_ms     bigint not null default 0,
  model           text,
  provider        text,
  input_tokens    bigint,
  output_tokens   bigint,
  cost_usd        numeric(18, 9),         -- null: costs nothing, or unknown
  is_cost_unknown boolean not null default false, -- a model was called and its price is not known
  is_carried      boolean not null default false, -- copied from an earlier gen by a retry: costs are counted there
  details         jsonb,                  -- rendered input excerpt, reason of a skip, attempts with their errors, exhausted, evidence
  seq             bigint not null,        -- the checkpoint that wrote it
  xid             xid8 not null default pg_current_xact_id(),
  feed_id         bigint not null default nextval('plane.feed_id'),
  primary key (execution_id, gen, path)
);

-- For costs and bottlenecks over many executions.
create index checkpoints_recent on plane.checkpoints (org_id, ended_at);
create index checkpoints_of_a_payload on plane.checkpoints (org_id, output_ref) where output_ref is not null;

-- Access
alter table plane.checkpoints enable row level security;
alter table plane.checkpoints force row level security;

create policy "callers read their checkpoints" on plane.checkpoints
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel appends checkpoints" on plane.checkpoints
  for all to plane_kernel
  using (true)
  with check (true);
