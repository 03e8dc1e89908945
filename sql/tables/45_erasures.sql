-- A wish to have a person's or a whole organisation's data erased, and how far that has come. It outlives the organisation: who
-- runs the plane can show that it was done.
create table plane.erasures (
  id           uuid primary key default gen_random_uuid(),
  org_id       uuid not null,              -- refers to nothing: it stays when the organisation is gone
  kind         text not null check (kind in ('person', 'organisation')),
  subject      uuid not null,              -- the person's user_id, or the organisation's id
  label        text not null,              -- what stands in the person's place from now on, or the organisation's name
  names        text[] not null default '{}', -- the addresses to look for; emptied at the end
  requested_by jsonb not null,             -- the actor
  requested_at timestamptz not null default plane.clock(),
  place        jsonb,                      -- a person's: {table, after}, where the walk goes on
  row_count    bigint not null default 0,  -- changed, or deleted
  audit_head   jsonb,                      -- an organisation's: {seq, hash} of its audit
  finished_at  timestamptz
);

create index erasures_recent on plane.erasures (org_id, requested_at desc, id desc);
create index erasures_unfinished on plane.erasures (requested_at) where finished_at is null;

-- Access
alter table plane.erasures enable row level security;
alter table plane.erasures force row level security;

create policy "callers read their organisation's erasures" on plane.erasures
  for select to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('data:manage')));

create policy "the eraser keeps the list" on plane.erasures
  for all to plane_eraser
  using (true)
  with check (true);
