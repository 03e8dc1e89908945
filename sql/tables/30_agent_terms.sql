-- What agents say about themselves, by word: the index that matching looks into. Written with the agent.
create table plane.agent_terms (
  org_id   uuid not null references plane.organisations on delete cascade,
  kind     text not null,
    -- word   a stem of its name, description or skills    skill  the id or the name of a skill
    -- tag    of a skill                                   field  a field that the input of a skill has
  term     text collate "C" not null,
  agent_id uuid not null references plane.agents on delete cascade,
  weight   real not null default 1,       -- 1 in its name and the names of its skills, 0.6 in what it describes
  primary key (org_id, kind, term, agent_id),
  constraint agent_terms_kind_is_known check (kind in ('word', 'skill', 'tag', 'field'))
);

create index agent_terms_of on plane.agent_terms (org_id, agent_id);
create index agent_terms_of_agent on plane.agent_terms (agent_id); -- for the cascade

-- Access
alter table plane.agent_terms enable row level security;
alter table plane.agent_terms force row level security;

create policy "callers read their agents' words" on plane.agent_terms
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers index their agents' words" on plane.agent_terms
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers weigh their agents' words" on plane.agent_terms
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers forget their agents' words" on plane.agent_terms
  for delete to authenticated
  using (org_id = (select plane.caller_org()));
