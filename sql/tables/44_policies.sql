-- What steps may use. functions/shared/policies decides by them: the highest priority wins, then deny, ask, allow.
create table plane.policies (
  id         uuid primary key default gen_random_uuid(),
  org_id     uuid not null references plane.organisations on delete cascade,
  name       text not null check (char_length(name) between 1 and 100),
  effect     text not null,
    -- deny   the step fails with policy_denied
    -- ask    a person decides before the step goes on
    -- allow  the step goes on: an exception to a rule of lower priority
  kind       text not null check (kind in ('tool', 'host', 'model')),
  pattern    text not null check (char_length(pattern) between 1 and 300), -- * any text, ? one character; case does not matter
  workflows  text[] not null default '{}', -- patterns of their names; empty: all of them
  agents     text[] not null default '{}', -- patterns of the names of agents that an execution is for; empty: any, and none
  priority   int not null default 0 check (priority between -1000 and 1000),
  reason     text,                        -- shown where it is felt
  is_enabled boolean not null default true,
  created_by jsonb not null,
  created_at timestamptz not null default plane.clock(),
  updated_at timestamptz not null default plane.clock(),
  constraint policies_effect_is_known check (effect in ('deny', 'ask', 'allow')),
  constraint policies_name_is_unique unique (org_id, name)
);

-- Access
alter table plane.policies enable row level security;
alter table plane.policies force row level security;

create policy "callers manage their organisation's policies" on plane.policies
  for all to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('policies:manage')))
  with check (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('policies:manage')));

create policy "the kernel tells runners the policies" on plane.policies
  for select to plane_kernel
  using (true);
