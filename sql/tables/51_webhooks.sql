-- An address that is told of events.
create table plane.webhooks (
  id              uuid primary key default gen_random_uuid(),
  org_id          uuid not null references plane.organisations on delete cascade,
  url             text not null check (char_length(url) between 1 and 2000),
  description     text,
  events          text[] not null check (cardinality(events) between 1 and 50), -- types, prefix.* or *
  status          text not null default 'enabled',
    -- enabled   gets what happens
    -- disabled  gets nothing, and nothing is kept for it
  disabled_reason text,                   -- asked · gone (410) · failing
  secret          jsonb not null,         -- sealed
  former_secret   jsonb,                  -- sealed; signs too until former_until
  former_until    timestamptz,
  since_xid       xid8 not null,          -- events of transactions that had not ended when it was enabled
  failures        int not null default 0, -- attempts in a row
  failing_since   timestamptz,
  created_by      jsonb not null default '{}',
  created_at      timestamptz not null default plane.clock(),
  updated_at      timestamptz not null default plane.clock(),
  constraint webhooks_status_is_known check (status in ('enabled', 'disabled')),
  constraint webhooks_reason_iff_disabled check ((status = 'disabled') = (disabled_reason is not null))
);

create index webhooks_recent on plane.webhooks (org_id, created_at desc, id desc);

-- Access
alter table plane.webhooks enable row level security;
alter table plane.webhooks force row level security;

create policy "callers read their webhooks" on plane.webhooks
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add webhooks" on plane.webhooks
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their webhooks" on plane.webhooks
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers delete their webhooks" on plane.webhooks
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel notes how webhooks do" on plane.webhooks
  for all to plane_kernel
  using (true)
  with check (true);
