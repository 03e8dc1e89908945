-- Moves a feed that the caller has locked to the end of its next page, and answers that end.
--
-- Only events of transactions below the horizon: none that is older can still commit, so none is missed.
create function plane._read_on(p_feed plane.event_feeds, p_horizon xid8, p_limit int)
returns table (xid xid8, feed_id bigint, is_full boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  select page.xid, page.feed_id, page.place = p_limit into xid, feed_id, is_full
  from (
    select e.xid, e.feed_id, row_number() over (order by e.xid, e.feed_id) as place
    from plane.events as e
    where e.org_id = p_feed.org_id and (e.xid, e.feed_id) > (p_feed.xid, p_feed.feed_id) and e.xid < p_horizon
    order by e.xid, e.feed_id
    limit p_limit
  ) as page
  order by page.place desc
  limit 1;

  update plane.event_feeds as f
  set xid = coalesce(_read_on.xid, f.xid), feed_id = coalesce(_read_on.feed_id, f.feed_id), read_at = plane.clock()
  where f.org_id = p_feed.org_id and f.reader = p_feed.reader;
  return next;
end;
$$;
