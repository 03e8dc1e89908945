-- The feeds of a reader that have something new below the horizon, those first that were read longest ago.
-- Locks: feeds, skipping those that somebody reads.
create function plane._lock_feeds(p_reader text, p_horizon xid8, p_limit int)
returns setof plane.event_feeds
language sql
set search_path = pg_catalog, pg_temp
as $$
  select f.*
  from plane.event_feeds as f
  where f.reader = p_reader and exists (
    select
    from plane.events as e
    where e.org_id = f.org_id and (e.xid, e.feed_id) > (f.xid, f.feed_id) and e.xid < p_horizon)
  order by f.read_at
  limit p_limit
  for no key update skip locked;
$$;
