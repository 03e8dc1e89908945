-- Records quota.reached, once a day for each quota. p_used: with what is being added now.
create function plane._note_quota_reached(p_org_id uuid, p_name text, p_limit bigint, p_used bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_today constant date := (plane.clock() at time zone 'UTC')::date;
begin
  insert into plane.quota_counts as c (org_id, name, reached_on)
  values (p_org_id, p_name, v_today)
  on conflict (org_id, name) do update set reached_on = v_today
  where c.reached_on is distinct from v_today;
  if found then
    perform plane._record_event(p_org_id, null, 'quota.reached', null,
      jsonb_build_object('quota', p_name, 'limit', p_limit, 'used', p_used));
  end if;
end;
$$;
