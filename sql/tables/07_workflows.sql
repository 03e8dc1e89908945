-- A workflow is a name; what runs is one of its versions.
create table plane.workflows (
  id          uuid primary key default gen_random_uuid(),
  org_id      uuid not null references plane.organisations on delete cascade,
  name        text not null check (char_length(name) between 1 and 200),
  latest      int not null default 0,     -- the number of the newest version
  description text,
  created_at  timestamptz not null default plane.clock(),
  updated_at  timestamptz not null default plane.clock(),
  constraint workflows_name_is_unique unique (org_id, name)
);

create index workflows_recent on plane.workflows (org_id, updated_at desc, id desc);

-- Access
alter table plane.workflows enable row level security;
alter table plane.workflows force row level security;

create policy "callers read their workflows" on plane.workflows
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers create workflows" on plane.workflows
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their workflows" on plane.workflows
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel reads workflows" on plane.workflows
  for select to plane_kernel
  using (true);
