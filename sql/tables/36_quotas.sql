-- How much an organisation may have of something. Without a row here the default of plane.quota_defaults holds.
create table plane.quotas (
  org_id     uuid not null references plane.organisations on delete cascade,
  name       text not null,
  max_value  bigint check (max_value >= 0),  -- null: as much as it likes
  updated_at timestamptz not null default plane.clock(),
  primary key (org_id, name)
);

-- Access
alter table plane.quotas enable row level security;
alter table plane.quotas force row level security;

create policy "callers read their quotas" on plane.quotas
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers set quotas" on plane.quotas
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their quotas" on plane.quotas
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers lift their quotas" on plane.quotas
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel reads quotas" on plane.quotas
  for select to plane_kernel
  using (true);
