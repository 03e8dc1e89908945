-- Turns events into messages: each event once for each enabled trigger that it matches.
--
-- p: {feeds = 20, events = 500} · answers {made, more}; more: call again
-- `hops` counts the triggers in a row that led to an event, by the executions that they started: what circles comes to an end.
-- Locks: feeds, skipping those that somebody reads. Any number may run.
create function plane.fan_out_triggers(p jsonb)
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
  for v_feed in select * from plane._lock_feeds('triggers', v_horizon, v_feeds) loop
    v_read := v_read + 1;
    if not exists (select from plane.event_triggers as t where t.org_id = v_feed.org_id and t.is_enabled) then
      delete from plane.event_feeds where org_id = v_feed.org_id and reader = v_feed.reader;
      continue;
    end if;
    select * into v_end from plane._read_on(v_feed, v_horizon, v_events);
    insert into plane.trigger_messages (org_id, trigger_id, message_id, body, hops)
    select e.org_id, t.id, 'evt_' || e.feed_id, plane.event_body(e), 1 + coalesce((
        select max(m.hops)
        from plane.executions as x
        join plane.trigger_messages as m on m.execution_id = x.root_execution_id
        where x.id = e.execution_id), 0)
    from plane.events as e
    join plane.event_triggers as t on t.org_id = e.org_id and t.is_enabled and e.xid >= t.since_xid
    where e.org_id = v_feed.org_id
      and (e.xid, e.feed_id) > (v_feed.xid, v_feed.feed_id) and (e.xid, e.feed_id) <= (v_end.xid, v_end.feed_id)
      and plane._matches_event(plane.event_type(e.type, e.name), array[t.event])
      and plane._has_equal(e.data, t.match)
    order by e.xid, e.feed_id
    on conflict (trigger_id, message_id) do nothing;
    get diagnostics v_count = row_count;
    v_made := v_made + v_count;
    v_more := v_more or v_end.is_full;
  end loop;
  return jsonb_build_object('made', v_made, 'more', v_more or v_read = v_feeds);
end;
$$;

alter function plane.fan_out_triggers(jsonb) owner to plane_kernel;
