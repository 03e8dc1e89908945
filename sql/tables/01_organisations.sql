-- A tenant. Everything else belongs to exactly one.
create table plane.organisations (
  id         uuid primary key default gen_random_uuid(),
  name       text not null check (char_length(name) between 1 and 100),
  created_at timestamptz not null default plane.clock(),
  constraint organisations_name_is_unique unique (name)
);

-- Access
alter table plane.organisations enable row level security;
alter table plane.organisations force row level security;

create policy "callers read their organisation" on plane.organisations
  for select to authenticated
  using (id = (select plane.caller_org()));

create policy "callers rename their organisation" on plane.organisations
  for update to authenticated
  using (id = (select plane.caller_org()))
  with check (id = (select plane.caller_org()));

create policy "the gateway reads organisations" on plane.organisations
  for select to plane_gateway
  using (true);

create policy "the gateway creates organisations" on plane.organisations
  for insert to plane_gateway
  with check (true);

create policy "the kernel reads organisations" on plane.organisations
  for select to plane_kernel
  using (true);
