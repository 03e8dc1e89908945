-- What call_with_key, call_as_person and call_with_token may call. Each sql/api/<fn>.sql ends with its own row, so the list grows with the files.
create table gateway.verbs (
  fn      text primary key,
  scope   text not null,                                -- '' any valid key
  is_read boolean not null,
  kinds   text[] not null default '{agent,operator,person}'
    -- agent, operator  keys of that kind
    -- person           members of the organisation, whose role gives the scope
    -- user             whoever has signed in, member or not; the verb sees no organisation
);

-- Access
alter table gateway.verbs enable row level security;
alter table gateway.verbs force row level security;

create policy "the owner lists the verbs" on gateway.verbs
  for all to current_user
  using (true)
  with check (true);

create policy "the gateway reads the verbs" on gateway.verbs
  for select to plane_gateway
  using (true);

create policy "callers read the verbs" on gateway.verbs
  for select to authenticated
  using (true);
