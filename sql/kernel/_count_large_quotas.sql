-- Counts what one organisation has of what there may be much of, where its quota is too large to be counted at each addition, and tells
-- when it is reached.
create function plane._count_large_quotas(p_org_id uuid, p_state_bytes bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_quota record;
  v_used  bigint;
begin
  for v_quota in
    select d.key as name, case when q.name is null then (d.value #>> '{}')::bigint else q.max_value end as max_value
    from jsonb_each(plane.quota_defaults()) as d
    left join plane.quotas as q on q.org_id = p_org_id and q.name = d.key
    where d.key in ('state_bytes', 'state_entries', 'memories', 'executions_per_day', 'concurrent_executions')
    order by d.key
  loop
    continue when v_quota.max_value is null or v_quota.max_value <= 2000 and v_quota.name <> 'state_bytes';
    v_used := case when v_quota.name = 'state_bytes' then p_state_bytes
      else plane._count_used(p_org_id, v_quota.name, v_quota.max_value + 1) end;
    insert into plane.quota_counts as c (org_id, name, used, counted_at)
    values (p_org_id, v_quota.name, v_used, plane.clock())
    on conflict (org_id, name) do update set used = excluded.used, counted_at = excluded.counted_at;
    if v_used >= v_quota.max_value then
      perform plane._note_quota_reached(p_org_id, v_quota.name, v_quota.max_value, v_used);
    end if;
  end loop;
end;
$$;
