-- What the organisation may have of each thing, and how much of it is used; and the limits on requests.
-- payload: {} · answers: {quotas: [{name, limit, default, used, is_approximate, left}], rates: [{kind, subject, quota, window_seconds, burst}]}
-- Counts up to 2000 of each thing; beyond that what plane.count_quotas found, or null: not counted.
create function api.get_limits(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_counted constant int := 2000;
  v_org     constant uuid := plane.caller_org();
begin
  return (
    with known as (
      select d.key as name, nullif(d.value, 'null')::bigint as standard,
        case when q.name is null then nullif(d.value, 'null')::bigint else q.max_value end as max_value,
        plane._count_used(v_org, d.key, c_counted + 1) as counted, c.used as found
      from jsonb_each(plane.quota_defaults()) as d
      left join plane.quotas as q on q.org_id = v_org and q.name = d.key
      left join plane.quota_counts as c on c.org_id = v_org and c.name = d.key
    ), used as (
      select k.*, case when k.counted <= c_counted then k.counted else k.found end as used, coalesce(k.counted > c_counted, true) as is_approximate
      from known as k
    )
    select jsonb_build_object(
      'quotas', jsonb_agg(jsonb_build_object('name', u.name, 'limit', u.max_value, 'default', u.standard, 'used', u.used,
        'is_approximate', u.is_approximate, 'left', case when u.max_value is not null and u.used is not null then greatest(u.max_value - u.used, 0) end) order by u.name),
      'rates', (
        select coalesce(jsonb_agg(jsonb_build_object('kind', r.kind, 'subject', r.subject, 'quota', r.quota,
          'window_seconds', r.window_seconds, 'burst', coalesce(r.burst, r.quota)) order by r.kind, r.subject), '[]')
        from plane.rate_limits as r where r.org_id = v_org))
    from used as u
  );
end;
$$;

insert into gateway.verbs values ('get_limits', '', true);
