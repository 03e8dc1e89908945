-- The caller's event trigger of this id.
-- raises: 404 trigger_not_found
create function plane.find_trigger(p_id uuid)
returns plane.event_triggers
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_trigger plane.event_triggers;
begin
  select * into v_trigger from plane.event_triggers where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'trigger_not_found', format('There is no trigger %s.', p_id), 'List the triggers.',
      '{"next": [{"why": "list the triggers", "method": "GET", "path": "/api/triggers"}]}');
  end if;
  return v_trigger;
end;
$$;
