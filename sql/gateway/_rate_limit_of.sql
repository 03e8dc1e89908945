-- The limit that holds for one caller: its own, else that for each of its kind, else the given default. All null: no limit.
-- Called by gateway._lease_tokens.
create function gateway._rate_limit_of(
  p_org_id uuid, p_kind text, p_subject text, p_default jsonb, out quota int, out window_seconds int, out burst int)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  select l.quota, l.window_seconds, coalesce(l.burst, l.quota) into quota, window_seconds, burst
  from plane.rate_limits as l
  where l.org_id = p_org_id and l.kind = p_kind and l.subject in (p_subject, '*')
  order by l.subject = '*'
  limit 1;
  if not found then
    quota := (p_default ->> 'quota')::int;
    window_seconds := coalesce((p_default ->> 'window_seconds')::int, 60);
    burst := coalesce((p_default ->> 'burst')::int, quota);
  elsif quota is null then
    burst := null;
  end if;
end;
$$;

alter function gateway._rate_limit_of(uuid, text, text, jsonb) owner to plane_gateway;
