-- The requests that a key, a person or an agent has left. Processes take them in leases, so this is touched once a lease and not once a
-- request. Unlogged: after a crash everybody starts with a full bucket, and what was counted since the last minute is lost.
create unlogged table plane.rate_buckets (
  org_id      uuid not null references plane.organisations on delete cascade,
  kind        text not null check (kind in ('key', 'person', 'agent')),
  subject     text not null,
  tokens      double precision not null,
  refilled_at timestamptz not null,
  counted     bigint not null default 0,  -- taken and not metered yet
  primary key (org_id, kind, subject)
)
with (fillfactor = 50);

create index rate_buckets_resting on plane.rate_buckets (refilled_at);

-- Access
alter table plane.rate_buckets enable row level security;
alter table plane.rate_buckets force row level security;

create policy "callers read their buckets" on plane.rate_buckets
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the gateway takes from buckets" on plane.rate_buckets
  for all to plane_gateway
  using (true)
  with check (true);

create policy "the kernel meters buckets" on plane.rate_buckets
  for all to plane_kernel
  using (true)
  with check (true);
