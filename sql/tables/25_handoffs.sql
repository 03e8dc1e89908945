-- Work that one agent hands to another: to a named one, to whoever fits, or to anybody. Bound to a wait (wait_token) it is a step's.
create table plane.handoffs (
  id            uuid primary key default gen_random_uuid(),
  org_id        uuid not null references plane.organisations on delete cascade,
  from_agent_id uuid,
  to_agent_id   uuid,                              -- null: whoever fits match, or anybody
  match         jsonb,                             -- {skills: [text], tags: [text]}
  workflow_id   uuid,
  execution_id  uuid,                              -- what it is about; with wait_token the execution that waits for it
  wait_token    text,
  path          text,                              -- of the step that waits
  packet        jsonb,                             -- goal, done, next, decisions, constraints, acceptance, artifacts, budget
  context       jsonb not null default '{}',
  reason        text,
  status        text not null default 'pending',
    -- pending    offered                            claimed    taken under a lease
    -- accepted   taken without one                  rejected   the agent says no
    -- completed  with its output                    cancelled  nobody wants it any more
    -- dead       its deadline passed, or it was given back too often
  agent_id      uuid,                              -- who has it, or had it last
  taken_by      jsonb,                             -- the actor who claimed, accepted, rejected or completed it last
  token_hash    bytea,                             -- of the claim
  fence         bigint,                            -- rises with every claim
  lease_until   timestamptz,
  attempts      int not null default 0,            -- claims so far
  max_attempts  int not null default 3 check (max_attempts between 1 and 100),
  deadline_at   timestamptz,
  output_data   jsonb,
  error         jsonb,                             -- {code, message} of what is rejected, dead or cancelled; of the last claim, when given back
  parent_id     uuid references plane.handoffs on delete set null,
  hops          int not null default 0,            -- of the chain up to here
  created_by    jsonb not null,                    -- the actor
  created_at    timestamptz not null default plane.clock(),
  updated_at    timestamptz not null default plane.clock(),
  accepted_at   timestamptz,                       -- when it was taken last
  completed_at  timestamptz,                       -- when it ended, in whatever way
  constraint handoffs_status_is_known
    check (status in ('pending', 'claimed', 'accepted', 'rejected', 'completed', 'dead', 'cancelled')),
  constraint handoffs_lease_iff_claimed check ((status = 'claimed') = (lease_until is not null)),
  constraint handoffs_token_iff_claimed check ((status = 'claimed') = (token_hash is not null)),
  constraint handoffs_ended_iff_completed_at check ((status in ('pending', 'claimed', 'accepted')) = (completed_at is null)),
  constraint handoffs_offered_one_way check (to_agent_id is null or match is null)
);

create index handoffs_recent on plane.handoffs (org_id, created_at desc, id desc);
create index handoffs_by_agent on plane.handoffs (org_id, agent_id, completed_at desc) where agent_id is not null;
create index handoffs_offered on plane.handoffs (org_id, to_agent_id, created_at, id) where status in ('pending', 'claimed');
create index handoffs_held on plane.handoffs (org_id, agent_id) where status in ('claimed', 'accepted');
create index handoffs_of_an_execution on plane.handoffs (org_id, execution_id, created_at) where execution_id is not null;
create index handoffs_below on plane.handoffs (org_id, parent_id) where parent_id is not null;
create unique index handoffs_of_a_wait on plane.handoffs (execution_id, wait_token) where wait_token is not null;
create index handoffs_ended_of_agents on plane.handoffs (completed_at) where agent_id is not null and completed_at is not null; -- of agents
create index handoffs_sent on plane.handoffs (org_id, from_agent_id, completed_at desc) where from_agent_id is not null;
create index handoffs_lapsing on plane.handoffs (lease_until) where status = 'claimed';
create index handoffs_overdue on plane.handoffs (deadline_at)
  where status in ('pending', 'claimed', 'accepted') and deadline_at is not null;

-- Access
alter table plane.handoffs enable row level security;
alter table plane.handoffs force row level security;

create policy "callers read their handoffs" on plane.handoffs
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers hand work over" on plane.handoffs
  for insert to authenticated
  with check (org_id = (select plane.caller_org()) and wait_token is null);

create policy "callers move their handoffs" on plane.handoffs
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel hands over for steps, and takes back" on plane.handoffs
  for all to plane_kernel
  using (true)
  with check (true);
