-- Counts what an organisation did since it was metered last, each row once. Answers whether anything was left for the next time.
--
-- A row counts when its transaction is older than every running one (xid below the horizon), so one that commits late is counted late
-- and never lost, and none is counted twice. What an hour's scan would cost is bounded by a floor below which nothing can be missing:
-- it rises to what the clock and the feed showed when the transactions that now are uncounted had not begun.
-- p_xids: transactions a pass at most. The caller holds the meter. uses: checkpoints_recent, events (org_id, feed_id)
create function plane._meter_org(p_meter plane.meters, p_xids bigint)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org     constant uuid := p_meter.org_id;
  v_now     constant timestamptz := plane.clock();
  v_shot    constant pg_snapshot := pg_current_snapshot();
  v_horizon constant xid8 := pg_snapshot_xmin(v_shot);
  v_to      constant xid8 := case
    when p_meter.xid = '0' or v_horizon::text::numeric - p_meter.xid::text::numeric <= p_xids then v_horizon
    else (p_meter.xid::text::numeric + p_xids)::text::xid8 end;
begin
  perform plane._meter_steps(p_meter, v_to);
  perform plane._meter_events(p_meter, v_to);

  -- Two transactions draw feed_ids and times in another order than their xids by moments only: the margins are far more than that.
  update plane.meters as m
  set
    xid = v_to,
    metered_at = v_now,
    floor_at = case when m.next_xid <= v_to then m.next_at - interval '30 seconds' else m.floor_at end,
    floor_feed = case when m.next_xid <= v_to then m.next_feed - 1000 else m.floor_feed end,
    next_xid = case when m.next_xid > v_to then m.next_xid else pg_snapshot_xmax(v_shot) end,
    next_at = case when m.next_xid > v_to then m.next_at else v_now end,
    next_feed = case when m.next_xid > v_to then m.next_feed else (select s.last_value from plane.feed_id as s) end
  where m.org_id = v_org;
  return v_to < v_horizon;
end;
$$;
