-- When each chore of the plane was last done, and how it went: one row a chore, whoever does it. Belongs to no organisation.
create table gateway.chore_runs (
  name      text primary key check (char_length(name) between 1 and 100),
  ran_at    timestamptz not null,
  took_ms   int not null,
  failed_at timestamptz,                  -- the last time that it failed; null: never
  failures  int not null default 0        -- in a row
);

-- Access
alter table gateway.chore_runs enable row level security;
alter table gateway.chore_runs force row level security;

create policy "the kernel notes chores" on gateway.chore_runs
  for all to plane_kernel
  using (true)
  with check (true);
