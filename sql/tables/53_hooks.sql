-- An address that others send signed messages to. Each starts an execution or publishes an event.
create table plane.hooks (
  id            uuid primary key default gen_random_uuid(),
  org_id        uuid not null references plane.organisations on delete cascade,
  name          text not null check (char_length(name) between 1 and 100),
  token         text not null,            -- of its address; not what protects it: every message is signed
  scheme        text not null,
    -- standard  Standard Webhooks            github  X-Hub-Signature-256
    -- stripe    Stripe-Signature: t=, v1=    hmac    as `verification` says: {header, prefix, encoding, id_header}
  verification  jsonb not null default '{}',
  target        jsonb not null,           -- {workflow, version?, input} or {event, payload}
  is_enabled    boolean not null default true,
  secret        jsonb not null,           -- sealed
  former_secret jsonb,                    -- sealed; is accepted too until former_until
  former_until  timestamptz,
  created_by    jsonb not null default '{}',
  created_at    timestamptz not null default plane.clock(),
  updated_at    timestamptz not null default plane.clock(),
  constraint hooks_scheme_is_known check (scheme in ('standard', 'github', 'stripe', 'hmac')),
  constraint hooks_name_is_unique unique (org_id, name),
  constraint hooks_token_is_unique unique (token)
);

create index hooks_recent on plane.hooks (org_id, created_at desc, id desc);

-- Access
alter table plane.hooks enable row level security;
alter table plane.hooks force row level security;

create policy "callers read their hooks" on plane.hooks
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add hooks" on plane.hooks
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their hooks" on plane.hooks
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers delete their hooks" on plane.hooks
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel finds hooks" on plane.hooks
  for select to plane_kernel
  using (true);

create policy "the kernel holds hooks while a message comes in" on plane.hooks
  for update to plane_kernel
  using (true)
  with check (true);
