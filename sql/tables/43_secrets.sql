-- A secret of an organisation. Its value stands here sealed: functions that hold the master key open it, the database cannot.
create table plane.secrets (
  org_id       uuid not null references plane.organisations on delete cascade,
  name         text not null check (name ~ '^[A-Z][A-Z0-9_]{0,99}$'),
  version      int not null default 1,    -- rises with each value, and is sealed with it
  sealed       jsonb not null,            -- functions/shared/sealing.py says what
  created_at   timestamptz not null default plane.clock(),
  updated_at   timestamptz not null default plane.clock(),
  last_used_at timestamptz,               -- by a step or a call of a model, within a minute
  updated_by   jsonb not null,            -- the actor
  primary key (org_id, name)
);

create index secrets_by_master_key on plane.secrets (org_id, (sealed ->> 'key'));

-- Access: reading a row gives nothing away, and still only the verbs of secrets:manage and the kernel may.
alter table plane.secrets enable row level security;
alter table plane.secrets force row level security;

create policy "callers manage their organisation's secrets" on plane.secrets
  for all to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('secrets:manage')))
  with check (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('secrets:manage')));

create policy "the kernel hands secrets to steps" on plane.secrets
  for select to plane_kernel
  using (true);

create policy "the kernel notes when secrets were used" on plane.secrets
  for update to plane_kernel
  using (true)
  with check (true);
