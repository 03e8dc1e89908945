-- Sets, or lifts, how many requests a key, a person or an agent may send. Processes follow when their lease is over, half a minute later
-- at most.
-- payload: {kind, subject: an id, a name, or *, quota, window_seconds, burst?} or {kind, subject, is_lifted: true}: the default holds again
-- answers: as get_limits · raises: 403 quota_exceeded
create function api.set_rate_limit(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane.caller_org();
begin
  if (payload ->> 'is_lifted')::boolean then
    delete from plane.rate_limits where org_id = v_org and kind = payload ->> 'kind' and subject = payload ->> 'subject';
  else
    insert into plane.rate_limits (org_id, kind, subject, quota, window_seconds, burst)
    values (v_org, payload ->> 'kind', payload ->> 'subject', (payload ->> 'quota')::int, (payload ->> 'window_seconds')::int,
      (payload ->> 'burst')::int)
    on conflict (org_id, kind, subject) do update
    set quota = excluded.quota, window_seconds = excluded.window_seconds, burst = excluded.burst, updated_at = plane.clock();
    perform plane.check_quota('rate_limits');
  end if;
  perform plane.record_audit('set_rate_limit', 'limits', concat_ws('/', payload ->> 'kind', payload ->> 'subject'), payload);
  return api.get_limits('{}');
end;
$$;

insert into gateway.verbs values ('set_rate_limit', 'limits:manage', false);
