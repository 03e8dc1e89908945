-- How many requests a key, a person or an agent may send. Without a row here the defaults of the function that is called hold.
create table plane.rate_limits (
  org_id         uuid not null references plane.organisations on delete cascade,
  kind           text not null check (kind in ('key', 'person', 'agent')),
  subject        text not null default '*' check (char_length(subject) between 1 and 200),
    -- the key's or the person's id, or what the agent calls itself in AgentPlane-Agent; *: each one of this kind
  quota          int check (quota between 1 and 10000000), -- requests a window; null: as many as they like
  window_seconds int not null default 60 check (window_seconds between 1 and 86400),
  burst          int check (burst between 1 and 10000000), -- at once, after a rest; null: a quota
  updated_at     timestamptz not null default plane.clock(),
  primary key (org_id, kind, subject)
);

-- Access
alter table plane.rate_limits enable row level security;
alter table plane.rate_limits force row level security;

create policy "callers read their rate limits" on plane.rate_limits
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers set rate limits" on plane.rate_limits
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their rate limits" on plane.rate_limits
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers lift their rate limits" on plane.rate_limits
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the gateway reads rate limits" on plane.rate_limits
  for select to plane_gateway
  using (true);
