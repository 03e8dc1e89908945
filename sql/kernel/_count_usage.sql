-- Adds to what an organisation used, by day and metric. p_more: [{day, metric, value}]; null: nothing.
create function plane._count_usage(p_org_id uuid, p_more jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into plane.usage_days as u (org_id, day, metric, value)
  select p_org_id, m.day, m.metric, sum(m.value)
  from jsonb_to_recordset(coalesce(p_more, '[]')) as m (day date, metric text, value numeric)
  group by m.day, m.metric
  order by m.day, m.metric
  on conflict (org_id, day, metric) do update set value = u.value + excluded.value;
end;
$$;
