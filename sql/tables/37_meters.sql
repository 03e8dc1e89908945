-- Up to where an organisation's usage has been counted: every row of a transaction before xid is counted, none of a later one.
-- Written by plane.meter_usage alone.
create table plane.meters (
  org_id       uuid primary key references plane.organisations on delete cascade,
  xid          xid8 not null default '0',
  floor_at     timestamptz not null default '-infinity', -- what is not counted yet has no time before this
  floor_feed   bigint not null default 0,                -- and no feed_id before this
  next_xid     xid8,                                     -- when xid has come so far, the floor rises to next_at and next_feed
  next_at      timestamptz,
  next_feed    bigint,
  metered_at   timestamptz not null default '-infinity',
  measured_at  timestamptz not null default '-infinity'  -- what it stores
);

create index meters_longest_ago on plane.meters (metered_at);
create index meters_measured_longest_ago on plane.meters (measured_at);

-- Access
alter table plane.meters enable row level security;
alter table plane.meters force row level security;

create policy "callers read their meter" on plane.meters
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel meters" on plane.meters
  for all to plane_kernel
  using (true)
  with check (true);
