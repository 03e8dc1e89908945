-- Counts what organisations used since they were metered last: a page of those that were metered longest ago.
--
-- p: {limit = 200, xids = 500000} · answers {metered, is_behind: call again at once}
-- Off every hot path, from what was recorded anyway. Any number may run: each takes meters that nobody holds.
-- Locks: the meters.
create function plane.meter_usage(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit     constant int := coalesce((p ->> 'limit')::int, 200);
  v_xids      constant bigint := coalesce((p ->> 'xids')::bigint, 500000);
  v_meter     plane.meters;
  v_metered   int := 0;
  v_is_behind boolean := false;
begin
  insert into plane.meters (org_id)
  select o.id from plane.organisations as o
  where not exists (select from plane.meters as m where m.org_id = o.id)
  order by o.id limit v_limit
  on conflict do nothing;

  for v_meter in
    select * from plane.meters
    where (p ->> 'org_id') is null or org_id = (p ->> 'org_id')::uuid
    order by metered_at limit v_limit
    for no key update skip locked
  loop
    v_is_behind := plane._meter_org(v_meter, v_xids) or v_is_behind;
    v_metered := v_metered + 1;
  end loop;
  return jsonb_build_object('metered', v_metered, 'is_behind', v_is_behind);
end;
$$;

alter function plane.meter_usage(jsonb) owner to plane_kernel;
