-- One event for one webhook: the outbox. What is sent is the event itself, so erasing the event erases it here.
create table plane.webhook_deliveries (
  id              uuid primary key default gen_random_uuid(),
  org_id          uuid not null references plane.organisations on delete cascade,
  webhook_id      uuid not null references plane.webhooks on delete cascade,
  feed_id         bigint not null,        -- the event
  event_type      text not null,
  status          text not null default 'pending',
    -- pending    waits for its next attempt, or is being sent (then claim_ref is set)
    -- delivered  a receiver said 2xx
    -- dead       will not be sent again unless it is replayed
  attempts        int not null default 0, -- since it was made or replayed
  next_attempt_at timestamptz not null default plane.clock(), -- while claim_ref is set: when the claim is over
  claim_ref       uuid,
  history         jsonb not null default '[]', -- the last 20 attempts: {at, status_code, duration_ms, error, response}
  created_at      timestamptz not null default plane.clock(),
  ended_at        timestamptz,
  constraint webhook_deliveries_status_is_known check (status in ('pending', 'delivered', 'dead')),
  constraint webhook_deliveries_ended_iff_not_pending check ((status = 'pending') = (ended_at is null)),
  constraint webhook_deliveries_once_an_event unique (webhook_id, feed_id)
);

create index webhook_deliveries_recent on plane.webhook_deliveries (org_id, created_at desc, id desc);
create index webhook_deliveries_of_one on plane.webhook_deliveries (org_id, webhook_id, created_at desc, id desc);
create index webhook_deliveries_pending on plane.webhook_deliveries (webhook_id, next_attempt_at) where status = 'pending';
create index webhook_deliveries_in_flight on plane.webhook_deliveries (webhook_id) where claim_ref is not null;
create index webhook_deliveries_ended on plane.webhook_deliveries (ended_at) where ended_at is not null;

-- Access
alter table plane.webhook_deliveries enable row level security;
alter table plane.webhook_deliveries force row level security;

create policy "callers read their deliveries" on plane.webhook_deliveries
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add deliveries" on plane.webhook_deliveries
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers replay their deliveries" on plane.webhook_deliveries
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel delivers" on plane.webhook_deliveries
  for all to plane_kernel
  using (true)
  with check (true);
