-- The caller's execution by the id in a payload.
-- raises: 404 execution_not_found
create function plane.find_execution(p_id text)
returns plane.executions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions;
begin
  select * into v_execution from plane.executions where id = p_id::uuid and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'execution_not_found', format('there is no execution %s', p_id),
      'List the newest ones.', jsonb_build_object('next', jsonb_build_array(
        jsonb_build_object('why', 'list the newest executions', 'method', 'GET', 'path', '/api/executions'))));
  end if;
  return v_execution;
end;
$$;
