-- When an external step was first reported to run: as the report says, or when it came. Null when it never was.
-- called by: report_step
create function plane.step_begun(p_execution plane.executions, p_path text)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((e.data ->> 'started_at')::timestamptz, e.at)
  from plane.events as e
  where e.org_id = p_execution.org_id and e.execution_id = p_execution.id and e.type = 'step.running' and e.path = p_path
  order by e.feed_id
  limit 1;
$$;
