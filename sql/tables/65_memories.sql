-- Something worth remembering: a text in a namespace, found by its words and, with an embedding, by its meaning.
create table plane.memories (
  id              uuid primary key default gen_random_uuid(),
  org_id          uuid not null references plane.organisations on delete cascade,
  namespace       text not null check (char_length(namespace) between 1 and 200),
  key             text check (char_length(key) between 1 and 500), -- unique in its namespace; writing it again replaces
  content         text not null check (char_length(content) > 0 and octet_length(content) <= 65536),
  metadata        jsonb not null default '{}',
  agent_id        uuid,
  words           tsvector not null generated always as (to_tsvector('english'::regconfig, content)) stored,
  embedding       real[],                 -- null: found by its words alone
  embedding_model text,
  expires_at      timestamptz,
  created_by      jsonb,
  created_at      timestamptz not null default plane.clock(),
  updated_at      timestamptz not null default plane.clock(),
  constraint memories_embedding_iff_model check ((embedding is null) = (embedding_model is null))
);

create unique index memories_key_is_unique on plane.memories (org_id, namespace, key) where key is not null;
create index memories_recent on plane.memories (org_id, namespace, created_at desc, id desc);
create index memories_by_agent on plane.memories (org_id, agent_id, created_at desc) where agent_id is not null;
create index memories_by_word on plane.memories using gin (words);
create index memories_expired on plane.memories (expires_at) where expires_at is not null;

-- Access
alter table plane.memories enable row level security;
alter table plane.memories force row level security;

create policy "callers read their memories" on plane.memories
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers write memories" on plane.memories
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their memories" on plane.memories
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers forget their memories" on plane.memories
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel searches memories and removes expired ones" on plane.memories
  for all to plane_kernel
  using (true);
