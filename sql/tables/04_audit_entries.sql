-- Who did what, when. Insert only.
create table plane.audit_entries (
  org_id      uuid not null references plane.organisations on delete cascade,
  id          bigint generated always as identity,
  at          timestamptz not null default plane.clock(),
  actor_kind  text not null check (actor_kind in ('api_key', 'runner', 'operator', 'person', 'plane')),
  actor_id    uuid,
  action      text not null,              -- verb_noun, as the verb: put_state, start_execution
  resource    text not null,              -- agents, state, workflows, executions, keys
  resource_id text,
  details     jsonb not null default '{}', -- never values of state, inputs or secrets
  before_hash text,                       -- of the resource's public JSON, hex
  after_hash  text,
  primary key (org_id, id)
);

-- Access
alter table plane.audit_entries enable row level security;
alter table plane.audit_entries force row level security;

create policy "callers read their organisation's audit" on plane.audit_entries
  for select to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('audit:read')));

create policy "callers add to their organisation's audit" on plane.audit_entries
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "the kernel adds to the audit" on plane.audit_entries
  for insert to plane_kernel
  with check (true);

create policy "the gateway adds to the audit" on plane.audit_entries
  for insert to plane_gateway
  with check (true);
