-- What an organisation had of something when it was counted last: large quotas are compared with this, small ones are counted anew.
create table plane.quota_counts (
  org_id     uuid not null references plane.organisations on delete cascade,
  name       text not null,
  used       bigint,                        -- null: not counted yet
  counted_at timestamptz,
  reached_on date,                          -- the day of the last quota.reached
  primary key (org_id, name)
);

-- Access
alter table plane.quota_counts enable row level security;
alter table plane.quota_counts force row level security;

create policy "callers read their counts" on plane.quota_counts
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers note what they reached" on plane.quota_counts
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers note again what they reached" on plane.quota_counts
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel counts" on plane.quota_counts
  for all to plane_kernel
  using (true)
  with check (true);
