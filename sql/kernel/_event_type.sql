-- The type of an event as webhooks and triggers name it: an emitted one is event.<its name>.
create function plane.event_type(p_type text, p_name text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_type = 'event' and p_name is not null then 'event.' || p_name else p_type end;
end;
$$;
