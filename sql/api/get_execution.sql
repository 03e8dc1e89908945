-- One execution: status, input, output, error, cost, and what it waits for.
-- payload: {execution_id}
-- raises: 404 execution_not_found
create function api.get_execution(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.execution_json(plane.find_execution(payload ->> 'execution_id'), true);
$$;

insert into gateway.verbs values ('get_execution', 'executions:read', true);
