-- For how long an organisation keeps what its executions were given and gave. Without a row: until it is erased.
create table plane.retention (
  org_id       uuid primary key references plane.organisations on delete cascade,
  payload_days int check (payload_days between 1 and 3650), -- after an execution's end; null: for ever
  updated_at   timestamptz not null default plane.clock()
);

-- Access
alter table plane.retention enable row level security;
alter table plane.retention force row level security;

create policy "callers manage their organisation's retention" on plane.retention
  for all to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('data:manage')))
  with check (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('data:manage')));

create policy "the kernel drops what is past it" on plane.retention
  for select to plane_kernel
  using (true);
