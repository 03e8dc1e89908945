-- A workflow that starts by the clock.
create table plane.schedules (
  id             uuid primary key default gen_random_uuid(),
  org_id         uuid not null references plane.organisations on delete cascade,
  name           text not null check (char_length(name) between 1 and 100),
  workflow       text not null,           -- by name, so it may be stored later
  version        int,                     -- null: the newest at the time
  input          jsonb not null default '{}', -- with expressions over `schedule` and `fire_at`
  cron           text not null,
  timezone       text not null default 'UTC',
  catch_up       text not null default 'last',
    -- skip  what was missed is skipped    last  only the last missed time fires    all  the last max_catch_up of them fire
  max_catch_up   int not null default 10 check (max_catch_up between 1 and 100),
  overlap        text not null default 'allow',
    -- allow  start beside a running one    skip  not while one runs    queue  after it    cancel_running  stop it first
  jitter_seconds int not null default 0 check (jitter_seconds between 0 and 3600),
  starts_at      timestamptz,
  ends_at        timestamptz,
  status         text not null default 'active',
    -- active · paused · ended (ends_at is past, or it never fires again)
  next_fire_at   timestamptz,             -- what the cron says
  due_at         timestamptz,             -- when to look at it: next_fire_at and jitter, or the end of a claim
  claim_ref      uuid,
  last_fire_at   timestamptz,
  created_by     jsonb not null default '{}',
  created_at     timestamptz not null default plane.clock(),
  updated_at     timestamptz not null default plane.clock(),
  constraint schedules_name_is_unique unique (org_id, name),
  constraint schedules_status_is_known check (status in ('active', 'paused', 'ended')),
  constraint schedules_catch_up_is_known check (catch_up in ('skip', 'last', 'all')),
  constraint schedules_overlap_is_known check (overlap in ('allow', 'skip', 'queue', 'cancel_running')),
  constraint schedules_due_iff_active check ((status = 'active') = (due_at is not null))
);

create index schedules_recent on plane.schedules (org_id, created_at desc, id desc);
create index schedules_due on plane.schedules (due_at) where due_at is not null;

-- Access
alter table plane.schedules enable row level security;
alter table plane.schedules force row level security;

create policy "callers read their schedules" on plane.schedules
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add schedules" on plane.schedules
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their schedules" on plane.schedules
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers delete their schedules" on plane.schedules
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel fires schedules" on plane.schedules
  for all to plane_kernel
  using (true)
  with check (true);
