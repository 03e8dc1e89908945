-- Notes that these secrets were used, at most once a minute. Waits for nobody who changes one.
create function plane._note_secrets_used(p_org uuid, p_names jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := plane.clock();
begin
  update plane.secrets as s
  set last_used_at = v_now
  from (
    select name
    from plane.secrets
    where org_id = p_org and p_names ? name and (last_used_at is null or last_used_at < v_now - interval '1 minute')
    order by name
    for no key update skip locked
  ) as used
  where s.org_id = p_org and s.name = used.name;
end;
$$;
