-- Who did what, when, and for whom. Written with what was done; sealed into the organisation's chain a moment later.
create table plane.audit_entries (
  org_id      uuid not null references plane.organisations on delete cascade,
  id          bigint generated always as identity,
  at          timestamptz not null default plane.clock(),
  actor_kind  text not null,
  actor_id    uuid,
  action      text not null,              -- verb_noun, as the verb: put_state, start_execution
  resource    text not null,              -- agents, state, workflows, executions, keys
  resource_id text,
  details     jsonb not null default '{}', -- never values of state, inputs or secrets
  before_hash text,                       -- of the resource's public JSON with the organisation's salt, hex
  after_hash  text,
  on_behalf   jsonb,                      -- {kind, id, execution_id?}: a step acts for who started it, a link for its member
  labels      jsonb,                      -- {actor?, on_behalf?}: the key's name or the address, as it was then; null: erased
  trace_id    text,                       -- of the request
  nonce       uuid default gen_random_uuid(), -- hashed with details and labels, so that nobody can guess them once it is erased
  erased_in   bigint,                     -- the entry of the erasure that took details, labels and nonce away
  seq         bigint,                     -- its place in the chain; null: not sealed yet
  primary key (org_id, id),
  constraint audit_entries_actor_is_known check (actor_kind in ('api_key', 'runner', 'operator', 'person', 'link', 'plane')),
  constraint audit_entries_erased_iff_no_nonce check ((erased_in is null) = (nonce is not null))
);

create index audit_entries_unsealed on plane.audit_entries (org_id, id) where seq is null;
create unique index audit_entries_sealed on plane.audit_entries (org_id, seq) where seq is not null;
create index audit_entries_by_resource on plane.audit_entries (org_id, resource, resource_id, id desc);

-- Access: tenants write by plane.record_audit only.
alter table plane.audit_entries enable row level security;
alter table plane.audit_entries force row level security;

create policy "callers read their organisation's audit" on plane.audit_entries
  for select to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('audit:read')));

create policy "the kernel adds to the audit" on plane.audit_entries
  for insert to plane_kernel
  with check (true);

create policy "the gateway adds to the audit" on plane.audit_entries
  for insert to plane_gateway
  with check (true);

create policy "the auditor writes and seals the audit" on plane.audit_entries
  for all to plane_auditor
  using (true)
  with check (true);
