-- Appends to the feed of what happened.
create function plane._record_event(p_org_id uuid, p_execution_id uuid, p_type text, p_path text default null, p_data jsonb default '{}')
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.events (org_id, execution_id, type, path, data)
  values (p_org_id, p_execution_id, p_type, p_path, coalesce(jsonb_strip_nulls(p_data), '{}'));
$$;
