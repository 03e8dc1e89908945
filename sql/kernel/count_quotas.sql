-- Counts what large quotas are compared with, and measures what each organisation stores; a page of those looked at longest ago.
--
-- p: {limit = 50, org_id?, every_seconds = 60} · answers {counted: organisations}. Any number may run.
-- Locks: meters, skipping those that somebody holds.
create function plane.count_quotas(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     constant timestamptz := plane.clock();
  v_today   constant date := (v_now at time zone 'UTC')::date;
  v_org     uuid;
  v_stored  record;
  v_counted int := 0;
begin
  for v_org in
    select m.org_id from plane.meters as m
    where m.measured_at <= v_now - coalesce((p ->> 'every_seconds')::numeric, 60) * interval '1 second'
      and ((p ->> 'org_id') is null or m.org_id = (p ->> 'org_id')::uuid)
    order by m.measured_at limit coalesce((p ->> 'limit')::int, 50)
    for no key update skip locked
  loop
    select count(*) as entries, coalesce(sum(pg_column_size(s.value)), 0) as bytes into v_stored
    from plane.state as s where s.org_id = v_org;
    insert into plane.usage_days as u (org_id, day, metric, value)
    select v_org, v_today, g.metric, g.value
    from (values
      ('agents', plane._count_used(v_org, 'agents', null)), ('state_bytes', v_stored.bytes), ('state_entries', v_stored.entries),
      ('workflows', plane._count_used(v_org, 'workflows', null))) as g (metric, value)
    where g.value > 0
    on conflict (org_id, day, metric) do update set value = greatest(u.value, excluded.value);
    perform plane._count_large_quotas(v_org, v_stored.bytes);
    update plane.meters set measured_at = v_now where org_id = v_org;
    v_counted := v_counted + 1;
  end loop;
  return jsonb_build_object('counted', v_counted);
end;
$$;

alter function plane.count_quotas(jsonb) owner to plane_kernel;
