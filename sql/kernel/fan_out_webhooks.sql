-- Turns events into deliveries: each event once for each enabled webhook that asks for its type.
--
-- p: {feeds = 20, events = 500} · answers {made, more}; more: call again
-- A feed is the place of the cursor; nobody listens any more: it goes.
-- Locks: feeds, skipping those that somebody reads. Any number may run.
create function plane.fan_out_webhooks(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_feeds   constant int := coalesce((p ->> 'feeds')::int, 20);
  v_events  constant int := coalesce((p ->> 'events')::int, 500);
  v_feed    plane.event_feeds;
  v_end     record;
  v_count   int;
  v_read    int := 0;
  v_made    int := 0;
  v_more    boolean := false;
begin
  perform plane._check_isolation();
  for v_feed in select * from plane._lock_feeds('webhooks', v_horizon, v_feeds) loop
    v_read := v_read + 1;
    if not exists (select from plane.webhooks as w where w.org_id = v_feed.org_id and w.status = 'enabled') then
      delete from plane.event_feeds where org_id = v_feed.org_id and reader = v_feed.reader;
      continue;
    end if;
    select * into v_end from plane._read_on(v_feed, v_horizon, v_events);
    insert into plane.webhook_deliveries (org_id, webhook_id, feed_id, event_type)
    select e.org_id, w.id, e.feed_id, plane.event_type(e.type, e.name)
    from plane.events as e
    join plane.webhooks as w on w.org_id = e.org_id and w.status = 'enabled' and e.xid >= w.since_xid
    where e.org_id = v_feed.org_id
      and (e.xid, e.feed_id) > (v_feed.xid, v_feed.feed_id) and (e.xid, e.feed_id) <= (v_end.xid, v_end.feed_id)
      and e.type <> 'webhook.test' -- sent to the one that it is for
      and plane._matches_event(plane.event_type(e.type, e.name), w.events)
    order by e.xid, e.feed_id
    on conflict (webhook_id, feed_id) do nothing;
    get diagnostics v_count = row_count;
    v_made := v_made + v_count;
    v_more := v_more or v_end.is_full;
  end loop;
  return jsonb_build_object('made', v_made, 'more', v_more or v_read = v_feeds);
end;
$$;

alter function plane.fan_out_webhooks(jsonb) owner to plane_kernel;
