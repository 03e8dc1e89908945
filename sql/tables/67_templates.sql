-- A version of a workflow to start from, published in an organisation; never changes. Those that come with the plane are files.
create table plane.templates (
  id           uuid primary key default gen_random_uuid(),
  org_id       uuid not null references plane.organisations on delete cascade,
  name         text not null check (char_length(name) between 1 and 200),
  version      int not null check (version > 0),
  title        text not null,
  description  text,
  tags         text[] not null default '{}',
  definition   text not null,
  content_hash text not null,
  lineage      jsonb,                     -- {name, version, is_builtin}: what it was forked from
  published_by jsonb not null,
  created_at   timestamptz not null default plane.clock(),
  constraint templates_version_is_unique unique (org_id, name, version)
);

-- Access
alter table plane.templates enable row level security;
alter table plane.templates force row level security;

create policy "callers read their templates" on plane.templates
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers publish templates" on plane.templates
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers withdraw their templates" on plane.templates
  for delete to authenticated
  using (org_id = (select plane.caller_org()));
