-- Something that an execution waits for. Whoever sets answered_at first has decided it.
create table plane.waits (
  execution_id uuid not null,
  token        text not null,             -- gen:path:nonce
  frame        text not null,
  org_id       uuid not null,
  gen          int not null,
  kind         text not null,
    -- approval  a person's decision, by signal          budget  more money, by signal `budget`
    -- event     an event or a signal by name             timer   only its deadline
    -- retry     the back-off before another attempt      unknown evidence of a lost at-most-once step, by signal
    -- child     a child execution                        shards  the shards of a for_each
    -- handoff   work that another agent does
  path         text not null,
  name         text not null,             -- what a signal must be called: the path, or the event's name
  match        jsonb,                     -- event: fields that must be equal
  data         jsonb not null default '{}', -- approval: message, show, form, outcomes, ...; retry: attempt, error
  opened_at    timestamptz not null default plane.clock(),
  deadline     timestamptz,
  pending      int,                       -- child, shards: how many have not ended
  votes        jsonb not null default '[]', -- approval with a quorum: [{outcome, key_id, form}]
  answered_at  timestamptz,
  outcome      text,                      -- answered · timed_out · cancelled · failed · the approval's outcome
  payload      jsonb,
  answered_by  uuid,
  primary key (execution_id, token),
  constraint waits_kind_is_known check (kind in ('approval', 'budget', 'event', 'timer', 'retry', 'unknown', 'child', 'shards', 'handoff')),
  constraint waits_outcome_iff_answered check ((answered_at is null) = (outcome is null))
);

create index waits_open_by_event on plane.waits (org_id, name) where answered_at is null and kind = 'event';
create index waits_open_by_kind on plane.waits (org_id, kind, opened_at) where answered_at is null;

-- Access
alter table plane.waits enable row level security;
alter table plane.waits force row level security;

create policy "callers read their waits" on plane.waits
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel opens and closes waits" on plane.waits
  for all to plane_kernel
  using (true)
  with check (true);
