-- Appends to the caller's organisation's feed of what happened; webhooks are told from there. p_data: nothing secret.
create function plane.note_event(p_type text, p_data jsonb, p_execution_id uuid default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into plane.events (org_id, execution_id, type, data)
  values (plane.caller_org(), p_execution_id, p_type, coalesce(jsonb_strip_nulls(p_data), '{}'));
end;
$$;
