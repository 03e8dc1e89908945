-- A restarted plane's notice that its former self is gone: everything that it held is ready. Answers {due: [doorbell]}.
-- p: {owner} · Locks: its frames, those that nobody else works on right now.
create function plane.report_owner_dead(p jsonb)
returns jsonb
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  with held as (
    select execution_id, frame
    from plane.frames
    where owner = p ->> 'owner' and status = 'running'
    order by depth desc, execution_id, frame
    for no key update skip locked
  ), freed as (
    update plane.frames as f
    set status = 'ready', due_at = plane.clock() + interval '2 seconds'
    from held
    where f.execution_id = held.execution_id and f.frame = held.frame
    returning f.*
  )
  select jsonb_build_object('due', coalesce(jsonb_agg(plane._doorbell(freed)), '[]')) from freed;
$$;

alter function plane.report_owner_dead(jsonb) owner to plane_kernel;
