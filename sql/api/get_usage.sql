-- What the organisation used, by day and metric. Counted off the hot path: what happened in the last seconds comes later.
-- payload: {from, to: days (UTC), both included, group_by: [day, metric] | [day] | [metric], metric?}
-- answers: {from, to, metered_at, data: [{day?, metric?, value}] or, by day, [{day, metrics: {metric: value}}]}
create function api.get_usage(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org  constant uuid := plane.caller_org();
  v_from constant date := payload ->> 'from';
  v_to   constant date := payload ->> 'to';
  v_data jsonb;
begin
  if payload ->> 'group_by' = 'metric' then
    select jsonb_agg(jsonb_build_object('metric', t.metric, 'value', t.value) order by t.metric) into v_data
    from (
      -- What is measured is the highest of a day, and of days.
      select u.metric, case when u.metric in ('state_entries', 'state_bytes', 'agents', 'workflows') then max(u.value) else sum(u.value) end::text as value
      from plane.usage_days as u
      where u.org_id = v_org and u.day between v_from and v_to and (payload ->> 'metric' is null or u.metric = payload ->> 'metric')
      group by u.metric
    ) as t;
  elsif payload ->> 'group_by' = 'day' then
    select jsonb_agg(jsonb_build_object('day', t.day, 'metrics', t.metrics) order by t.day) into v_data
    from (
      select u.day, jsonb_object_agg(u.metric, u.value::text order by u.metric) as metrics
      from plane.usage_days as u
      where u.org_id = v_org and u.day between v_from and v_to and (payload ->> 'metric' is null or u.metric = payload ->> 'metric')
      group by u.day
    ) as t;
  else
    select jsonb_agg(jsonb_build_object('day', u.day, 'metric', u.metric, 'value', u.value::text) order by u.day, u.metric) into v_data
    from plane.usage_days as u
    where u.org_id = v_org and u.day between v_from and v_to and (payload ->> 'metric' is null or u.metric = payload ->> 'metric');
  end if;
  return jsonb_build_object('from', v_from, 'to', v_to, 'data', coalesce(v_data, '[]'),
    'metered_at', (select nullif(m.metered_at, '-infinity') from plane.meters as m where m.org_id = v_org));
end;
$$;

insert into gateway.verbs values ('get_usage', 'observe:read', true);
