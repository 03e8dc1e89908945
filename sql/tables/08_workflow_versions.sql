-- An immutable version: the text as it was given, and for YAML the document that runs.
create table plane.workflow_versions (
  id                   uuid primary key default gen_random_uuid(),
  org_id               uuid not null references plane.organisations on delete cascade,
  workflow_id          uuid not null references plane.workflows on delete cascade,
  version              int not null check (version > 0),
  format               text not null check (format in ('yaml', 'markdown')),
  definition           text not null,     -- as given; a JSON object as its canonical text
  is_json              boolean not null default false, -- definition was given as an object
  content_hash         text not null,     -- sha256 of format and definition
  document             jsonb,             -- yaml only: the parsed document; what executions run
  queue                text not null default 'default' check (queue in ('default', 'llm')),
  steps                jsonb not null default '[]', -- yaml only: [{path, kind}], paths without indexes
  description          text,
  designed_with_model  text,
  executable_by_model  text,
  designed_by_agent_id uuid,
  metadata             jsonb not null default '{}',
  created_at           timestamptz not null default plane.clock(),
  constraint workflow_versions_document_iff_yaml check ((format = 'yaml') = (document is not null)),
  constraint workflow_versions_number_is_unique unique (workflow_id, version),
  constraint workflow_versions_content_is_unique unique (workflow_id, content_hash)
);

create index workflow_versions_recent on plane.workflow_versions (org_id, workflow_id, version desc);

-- Access
alter table plane.workflow_versions enable row level security;
alter table plane.workflow_versions force row level security;

create policy "callers read their versions" on plane.workflow_versions
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add versions" on plane.workflow_versions
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "the kernel reads versions" on plane.workflow_versions
  for select to plane_kernel
  using (true);
