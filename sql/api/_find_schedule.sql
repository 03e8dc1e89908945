-- The caller's schedule of this id.
-- raises: 404 schedule_not_found
create function plane.find_schedule(p_id uuid)
returns plane.schedules
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule plane.schedules;
begin
  select * into v_schedule from plane.schedules where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'schedule_not_found', format('There is no schedule %s.', p_id), 'List the schedules.',
      '{"next": [{"why": "list the schedules", "method": "GET", "path": "/api/schedules"}]}');
  end if;
  return v_schedule;
end;
$$;
