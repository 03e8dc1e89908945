-- Every broken invariant of the engine; must be empty. Health and the tests read it.
create function plane.get_violations(p jsonb)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(v), '[]')
  from (select * from plane.violations order by invariant, execution_id, frame limit coalesce((p ->> 'limit')::int, 100)) as v;
$$;

alter function plane.get_violations(jsonb) owner to plane_kernel;
