-- The platform's notice that the holder of a claim is gone. Acts only if the ref still holds the frame. Answers {due: [doorbell]}.
-- p: {execution_id, frame, claim_ref | message_id} · message_id: of a queue; every claim that one of its deliveries has made.
-- Locks: the frame.
create function plane.report_dead(p jsonb)
returns jsonb
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  with freed as (
    update plane.frames
    set status = 'ready', due_at = plane.clock() + interval '2 seconds'
    where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '')
      and (claim_ref = p ->> 'claim_ref' or starts_with(claim_ref, (p ->> 'message_id') || ':')) and status = 'running'
    returning frames.*
  )
  select jsonb_build_object('due', coalesce(jsonb_agg(plane._doorbell(freed)), '[]')) from freed;
$$;

alter function plane.report_dead(jsonb) owner to plane_kernel;
