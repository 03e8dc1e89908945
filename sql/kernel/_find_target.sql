-- The version that a trigger or a schedule would start now: the named one, or the newest. All null when there is none.
create function plane._find_target(p_org_id uuid, p_workflow text, p_version int)
returns plane.workflow_versions
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select v.*
  from plane.workflows as w
  join plane.workflow_versions as v on v.workflow_id = w.id and v.version = coalesce(p_version, w.latest)
  where w.org_id = p_org_id and w.name = p_workflow;
$$;
