-- How far a reader of an organisation's events has come. A row is there while somebody listens.
create table plane.event_feeds (
  org_id  uuid not null references plane.organisations on delete cascade,
  reader  text not null,                  -- webhooks · triggers
  xid     xid8 not null,                  -- the last event that was read; the first read begins at (xid, 0)
  feed_id bigint not null default 0,
  read_at timestamptz not null default plane.clock(),
  primary key (org_id, reader)
);

-- Access
alter table plane.event_feeds enable row level security;
alter table plane.event_feeds force row level security;

create policy "callers see how far their events were read" on plane.event_feeds
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers begin to listen" on plane.event_feeds
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers hold on to what they listen to" on plane.event_feeds
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel reads on" on plane.event_feeds
  for all to plane_kernel
  using (true)
  with check (true);
