-- A question to a person: an agent asked it, or something that an execution waits for and only a decision ends.
-- Written by the kernel's functions alone. Bound to a wait (wait_token, or the budget of an execution) it follows that wait.
create table plane.escalations (
  id            uuid primary key default gen_random_uuid(),
  org_id        uuid not null references plane.organisations on delete cascade,
  kind          text not null,
    -- question  an agent or a person asks       approval  a step waits for a decision
    -- budget    an execution has spent its money, with all that lives below it
    -- unknown   what became of a lost step      policy    a policy says: ask first
  status        text not null default 'open',
    -- open      nobody has taken it             claimed    somebody looks at it
    -- resolved  with an outcome                 dismissed  it needs no answer
    -- timed_out by its deadline; outcome is on_timeout     cancelled  what waited for it has ended
  priority      text not null default 'normal',
  rank          smallint not null default 2,       -- of the priority: lists begin with the urgent ones
  reason        text not null check (char_length(reason) between 1 and 10000),
  context       jsonb not null default '{}',
  form          jsonb not null default '{}',       -- schema shorthand of what may be filled in
  outcomes      text[] not null default '{}',      -- what may be decided; empty: any text
  assign_to     jsonb not null default '[]',       -- [{user_id} | {email} | {role}]; empty: whoever may decide
  quorum        int not null default 1 check (quorum between 1 and 100),
  needs_aal2    boolean not null default false,    -- only somebody who signed in with a second factor
  not_requester boolean,                           -- null: approvals, as long as somebody else could decide
  answerable_by text not null default 'people' check (answerable_by in ('people', 'anyone')),
  execution_id  uuid,                              -- of a budget: the root execution
  wait_token    text,
  path          text,
  workflow_id   uuid,
  agent_id      uuid,
  created_by    jsonb not null,                    -- the actor
  requester_id  uuid,                              -- the person or key that asked, or that started the execution
  claimed_by    jsonb,
  votes         jsonb not null default '[]',       -- quorum: [{outcome, by, at}], one of each person
  deadline      timestamptz,
  on_timeout    text,                              -- the outcome then; null: none
  outcome       text,
  answer        jsonb,                             -- the form as the person sent it
  comment       text,
  decided_by    jsonb,                             -- the actor; null: nobody
  created_at    timestamptz not null default plane.clock(),
  decided_at    timestamptz,
  announced_at  timestamptz,                       -- when those who may decide by mail were written to
  constraint escalations_kind_is_known check (kind in ('question', 'approval', 'budget', 'unknown', 'policy')),
  constraint escalations_status_is_known
    check (status in ('open', 'claimed', 'resolved', 'dismissed', 'timed_out', 'cancelled')),
  constraint escalations_priority_has_its_rank
    check (rank = array_position(array['urgent', 'high', 'normal', 'low'], priority) - 1 and priority in ('urgent', 'high', 'normal', 'low')),
  constraint escalations_claimed_iff_by_somebody check ((status = 'claimed') = (claimed_by is not null) or decided_at is not null),
  constraint escalations_decided_iff_closed check ((status in ('open', 'claimed')) = (decided_at is null)),
  constraint escalations_resolved_has_an_outcome check (status <> 'resolved' or outcome is not null)
);

create index escalations_by_rank on plane.escalations (org_id, rank, created_at, id);
create index escalations_by_status on plane.escalations (org_id, status, rank, created_at, id);
create index escalations_of_an_execution on plane.escalations (org_id, execution_id, rank, created_at, id) where execution_id is not null;
create index escalations_of_an_agent on plane.escalations (org_id, agent_id, created_at desc, id) where agent_id is not null;
create unique index escalations_of_a_wait on plane.escalations (execution_id, wait_token) where wait_token is not null;
create unique index escalations_of_a_budget on plane.escalations (execution_id) where kind = 'budget' and status in ('open', 'claimed');
create index escalations_due on plane.escalations (deadline)
  where status in ('open', 'claimed') and wait_token is null and kind <> 'budget';
create index escalations_unannounced on plane.escalations (created_at) where status in ('open', 'claimed') and announced_at is null;

-- Access
alter table plane.escalations enable row level security;
alter table plane.escalations force row level security;

create policy "callers read their escalations" on plane.escalations
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel opens and closes escalations" on plane.escalations
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the gateway looks up links" on plane.escalations
  for select to plane_gateway
  using (true);
