-- Finds what is due and nobody has noticed: expired leases, timers, lost doorbells. All the same, so it is the net for all of them.
--
-- p: {limit = 200, per_org = 50, backoff_seconds = 2, backoff_cap_seconds = 60, grace_seconds = 0, queues = all}
--    grace_seconds: how long the doorbell of a frame that became ready may be under way · queues: [name], those to sweep
-- Answers {due: [doorbell], next_due_in_ms, deleted}.
-- A frame that is swept again and again without a claim comes back after 2, 4, 8 … 60 s. Never changes an epoch: only a claim evicts.
-- Locks: frames, skipping those that somebody holds. Any number of sweepers may run.
create function plane.sweep(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 200);
  v_backoff constant numeric := coalesce((p ->> 'backoff_seconds')::numeric, 2);
  v_longest constant numeric := coalesce((p ->> 'backoff_cap_seconds')::numeric, 60);
  v_grace   constant numeric := coalesce((p ->> 'grace_seconds')::numeric, 0);
  v_queues  constant text[] := case when p ? 'queues' then array(select jsonb_array_elements_text(p -> 'queues')) end;
  v_due     jsonb;
begin
  perform plane._check_isolation();
  with locked as (
    select f.execution_id, f.frame
    from plane._overdue(v_limit, coalesce((p ->> 'per_org')::int, 50), v_grace, v_queues) as o
    join plane.frames as f using (execution_id, frame)
    where f.due_at <= plane.clock() and f.status <> 'done'
    for no key update of f skip locked
  ), swept as (
    update plane.frames as f
    set
      status = 'ready',
      dispatches = f.dispatches + 1,
      due_at = plane.clock() + least(v_longest, v_backoff * 2 ^ least(f.dispatches, 10)) * interval '1 second'
    from locked
    where f.execution_id = locked.execution_id and f.frame = locked.frame
    returning f.*
  )
  select coalesce(jsonb_agg(plane._doorbell(swept)), '[]') into v_due from swept;

  return jsonb_build_object('due', v_due, 'deleted', plane._forget(v_limit), 'next_due_in_ms', plane._ms_until(plane._next_due()));
end;
$$;

alter function plane.sweep(jsonb) owner to plane_kernel;
