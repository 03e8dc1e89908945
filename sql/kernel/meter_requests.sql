-- Counts the requests that were taken from buckets since the last time, and drops buckets that have been full for a day.
--
-- p: {limit = 500} · answers {counted: requests}. A transaction of its own and short, because it holds the buckets.
-- Locks: buckets, skipping those that a request holds.
create function plane.meter_requests(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit constant int := coalesce((p ->> 'limit')::int, 500);
  v_now   constant timestamptz := plane.clock();
  v_taken record;
  v_total bigint := 0;
begin
  for v_taken in
    with held as (
      select b.org_id, b.kind, b.subject, b.counted
      from plane.rate_buckets as b
      where b.counted <> 0
      order by b.org_id, b.kind, b.subject limit v_limit
      for no key update skip locked
    ), cleared as (
      update plane.rate_buckets as b set counted = 0
      from held as h
      where b.org_id = h.org_id and b.kind = h.kind and b.subject = h.subject
    )
    select h.org_id, sum(h.counted) filter (where h.kind <> 'agent') as requests from held as h group by h.org_id order by h.org_id
  loop
    continue when coalesce(v_taken.requests, 0) = 0;
    perform plane._count_usage(v_taken.org_id, jsonb_build_array(jsonb_build_object(
      'day', (v_now at time zone 'UTC')::date, 'metric', 'requests', 'value', v_taken.requests)));
    v_total := v_total + v_taken.requests;
  end loop;

  delete from plane.rate_buckets where (org_id, kind, subject) in (
    select b.org_id, b.kind, b.subject from plane.rate_buckets as b
    where b.refilled_at < v_now - interval '1 day' and b.counted = 0
    limit v_limit for update skip locked);
  return jsonb_build_object('counted', v_total);
end;
$$;

alter function plane.meter_requests(jsonb) owner to plane_kernel;
