-- What became of each time that a schedule named.
create table plane.schedule_firings (
  id           uuid primary key default gen_random_uuid(),
  org_id       uuid not null references plane.organisations on delete cascade,
  schedule_id  uuid not null references plane.schedules on delete cascade,
  fire_at      timestamptz not null,      -- of skipped ones: the first
  is_manual    boolean not null default false, -- run now
  outcome      text not null,
    -- fired    started an execution         queued  waits until the running one has ended
    -- skipped  `reason` says why            failed  could not start: `error`
  reason       text,                      -- skipped: missed · overlap
  count        int not null default 1,    -- skipped: how many times, up to 1000
  until        timestamptz,               -- skipped: the last of them
  version_id   uuid,                      -- queued: what will start
  input        jsonb,
  error        jsonb,                     -- {code, message}
  execution_id uuid,
  is_open      boolean not null default false, -- its execution had not ended when somebody last looked
  created_at   timestamptz not null default plane.clock(),
  constraint schedule_firings_outcome_is_known check (outcome in ('fired', 'queued', 'skipped', 'failed')),
  constraint schedule_firings_execution_iff_fired check ((outcome = 'fired') = (execution_id is not null))
);

create unique index schedule_firings_once on plane.schedule_firings (schedule_id, fire_at) where not is_manual;
create index schedule_firings_recent on plane.schedule_firings (org_id, schedule_id, created_at desc, id desc);
create index schedule_firings_open on plane.schedule_firings (schedule_id) where is_open;
create index schedule_firings_queued on plane.schedule_firings (schedule_id, fire_at) where outcome = 'queued';
create index schedule_firings_old on plane.schedule_firings (created_at);

-- Access
alter table plane.schedule_firings enable row level security;
alter table plane.schedule_firings force row level security;

create policy "callers read their firings" on plane.schedule_firings
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers run schedules now" on plane.schedule_firings
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "the kernel records firings" on plane.schedule_firings
  for all to plane_kernel
  using (true)
  with check (true);
