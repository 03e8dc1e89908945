-- When the next frame is due; null when none is.
create function plane._next_due()
returns timestamptz
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
  select min(next.due_at)
  from organisations as o
  cross join lateral (
    select f.due_at from plane.frames as f where f.org_id = o.org_id and f.status <> 'done' order by f.due_at limit 1
  ) as next
  where o.org_id is not null;
$$;
