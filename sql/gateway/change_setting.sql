-- Changes a setting of the deployment: new_organisations (true, false). Only for the owner of the database.
create function gateway.change_setting(p_name text, p_value jsonb)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into gateway.settings (name, value) values (p_name, p_value)
  on conflict (name) do update set value = excluded.value;
$$;

alter function gateway.change_setting(text, jsonb) owner to plane_gateway;
