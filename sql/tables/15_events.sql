-- What happened, besides ended steps (those are in checkpoints; a feed reads both by (xid, feed_id)).
create table plane.events (
  org_id          uuid not null references plane.organisations on delete cascade,
  feed_id         bigint not null default nextval('plane.feed_id'),
  xid             xid8 not null default pg_current_xact_id(),
  at              timestamptz not null default plane.clock(),
  execution_id    uuid,
  type            text not null,          -- execution.started · wait.opened · wait.answered · observe.<type> · event (emitted)
  path            text,
  name            text,                   -- of an emitted event
  data            jsonb not null default '{}',
  idempotency_key text,                   -- of an emitted event: the step instance that emitted it
  primary key (org_id, feed_id)
);

create index events_by_execution on plane.events (org_id, execution_id, xid, feed_id) where execution_id is not null;
create index events_in_order on plane.events (org_id, xid, feed_id); -- for readers below the horizon: webhooks, triggers
create unique index events_emitted_once on plane.events (org_id, idempotency_key) where idempotency_key is not null;

-- Access
alter table plane.events enable row level security;
alter table plane.events force row level security;

create policy "callers read their events" on plane.events
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers report events" on plane.events
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "the kernel records events" on plane.events
  for all to plane_kernel
  using (true)
  with check (true);
