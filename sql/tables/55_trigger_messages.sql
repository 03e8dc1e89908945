-- The inbox: a message that a hook took, or an event that a trigger listens to. Handled once.
create table plane.trigger_messages (
  id           uuid primary key default gen_random_uuid(),
  org_id       uuid not null references plane.organisations on delete cascade,
  hook_id      uuid references plane.hooks on delete cascade,
  trigger_id   uuid references plane.event_triggers on delete cascade,
  message_id   text not null,             -- the sender's, or the event's: the second one with it changes nothing
  headers      jsonb not null default '{}', -- a hook's: lower case, without credentials and signatures
  body         jsonb not null,            -- JSON, form fields or text as it came; of a trigger: the event
  hops         int not null default 0,    -- how many triggers in a row led to it, by events
  status       text not null default 'pending',
    -- pending  waits for its handling    handled  started an execution or published an event
    -- failed   could not: `error` says why, and it may be redelivered
  attempts     int not null default 0,    -- since it came or was redelivered
  due_at       timestamptz not null default plane.clock(),
  claim_ref    uuid,
  execution_id uuid,
  event_id     bigint,                    -- the published event
  error        jsonb,                     -- {code, message}
  received_at  timestamptz not null default plane.clock(),
  handled_at   timestamptz,
  constraint trigger_messages_status_is_known check (status in ('pending', 'handled', 'failed')),
  constraint trigger_messages_have_one_source check (num_nonnulls(hook_id, trigger_id) = 1),
  constraint trigger_messages_handled_iff_not_pending check ((status = 'pending') = (handled_at is null)),
  constraint trigger_messages_once_a_hook unique (hook_id, message_id),
  constraint trigger_messages_once_a_trigger unique (trigger_id, message_id)
);

create index trigger_messages_recent on plane.trigger_messages (org_id, received_at desc, id desc);
create index trigger_messages_pending on plane.trigger_messages (org_id, due_at) where status = 'pending';
create index trigger_messages_by_execution on plane.trigger_messages (execution_id) where execution_id is not null;
create index trigger_messages_handled on plane.trigger_messages (handled_at) where handled_at is not null;

-- Access
alter table plane.trigger_messages enable row level security;
alter table plane.trigger_messages force row level security;

create policy "callers read their messages" on plane.trigger_messages
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers redeliver their messages" on plane.trigger_messages
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel takes and handles messages" on plane.trigger_messages
  for all to plane_kernel
  using (true)
  with check (true);
