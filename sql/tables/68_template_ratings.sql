-- What somebody of an organisation thinks of a template, its own or the plane's: one rating each, the last one.
create table plane.template_ratings (
  org_id     uuid not null references plane.organisations on delete cascade,
  template   text not null,
  rater_id   uuid not null,               -- the person or the key
  rated_by   jsonb not null,
  stars      smallint not null check (stars between 1 and 5),
  comment    text check (char_length(comment) <= 2000),
  created_at timestamptz not null default plane.clock(),
  updated_at timestamptz not null default plane.clock(),
  primary key (org_id, template, rater_id)
);

-- Access
alter table plane.template_ratings enable row level security;
alter table plane.template_ratings force row level security;

create policy "callers read their organisation's ratings" on plane.template_ratings
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers rate" on plane.template_ratings
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their ratings" on plane.template_ratings
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));
