-- What the owner of a deployment has decided for all organisations. gateway.change_setting writes it.
create table gateway.settings (
  name  text primary key,
  value jsonb not null,
  constraint settings_are_known check (name in ('new_organisations')) -- true: whoever has signed in may create one
);

-- Access
alter table gateway.settings enable row level security;
alter table gateway.settings force row level security;

create policy "the gateway reads the settings" on gateway.settings
  for select to plane_gateway
  using (true);

create policy "the gateway writes the settings" on gateway.settings
  for insert to plane_gateway
  with check (true);

create policy "the gateway changes the settings" on gateway.settings
  for update to plane_gateway
  using (true);
