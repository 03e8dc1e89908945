-- Which workflow was made from which template.
create table plane.template_uses (
  org_id           uuid not null references plane.organisations on delete cascade,
  id               bigint generated always as identity,
  template         text not null,
  template_version int not null,
  workflow_id      uuid not null,
  workflow_version int not null,
  used_by          jsonb not null,
  used_at          timestamptz not null default plane.clock(),
  primary key (org_id, id),
  constraint template_uses_count_once unique (org_id, template, workflow_id, workflow_version)
);

-- Access
alter table plane.template_uses enable row level security;
alter table plane.template_uses force row level security;

create policy "callers read their uses" on plane.template_uses
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers use templates" on plane.template_uses
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));
