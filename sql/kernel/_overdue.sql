-- Frames that are due, at most p_per_org of an organisation and p_limit in all, the organisations by turns.
-- p_grace_seconds: so much older must a ready one be that was not swept yet, as its doorbell may still be under way.
-- p_queues: only those; null: all.
-- Hops from organisation to organisation along the index: one with a million due frames does not hide the others.
create function plane._overdue(p_limit int, p_per_org int, p_grace_seconds numeric default 0, p_queues text[] default null)
returns table (execution_id uuid, frame text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive organisations as (
    (select f.org_id from plane.frames as f order by f.org_id limit 1)
    union all
    select (select f.org_id from plane.frames as f where f.org_id > o.org_id order by f.org_id limit 1)
    from organisations as o
    where o.org_id is not null
  )
  select due.execution_id, due.frame
  from organisations as o
  cross join lateral (
    select f.execution_id, f.frame, row_number() over (order by f.due_at) as turn
    from plane.frames as f
    where f.org_id = o.org_id and f.due_at <= plane.clock() and f.status <> 'done'
      and (f.status <> 'ready' or f.dispatches > 0 or f.due_at <= plane.clock() - p_grace_seconds * interval '1 second')
      and (p_queues is null or f.queue = any (p_queues))
    order by f.due_at
    limit p_per_org
  ) as due
  where o.org_id is not null
  order by due.turn
  limit p_limit;
$$;
