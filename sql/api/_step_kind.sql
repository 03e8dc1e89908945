-- The kind of the step at a path, as its version's document says; indexes do not count. Null when the document has no such step.
create function plane.step_kind(p_execution plane.executions, p_path text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select s ->> 'kind'
  from plane.workflow_versions as v, jsonb_array_elements(v.steps) as s
  where v.id = p_execution.version_id and s ->> 'path' = regexp_replace(p_path, '\[\d+\]', '', 'g')
  limit 1;
$$;
