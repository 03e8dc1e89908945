-- One of the caller's executions. Raises 404 execution_not_found, also for another organisation's.
create function plane._require_execution(p_execution_id uuid)
returns plane.executions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org       uuid := plane._require_org();
  v_execution plane.executions;
begin
  select * into v_execution from plane.executions where id = p_execution_id and org_id = v_org;
  if not found then
    perform plane.raise_error(404, 'execution_not_found', format('There is no execution %s.', p_execution_id),
      'List them with GET /api/executions.');
  end if;
  return v_execution;
end;
$$;
