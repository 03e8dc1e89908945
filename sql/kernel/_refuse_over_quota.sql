-- Raises 403 quota_exceeded, or 429 with the time to wait for what comes back by itself.
create function plane._refuse_over_quota(p_name text, p_limit bigint, p_used bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   constant timestamptz := plane.clock();
  v_waits constant numeric := case p_name
    when 'executions_per_day' then ceil(extract(epoch from (date_trunc('day', v_now at time zone 'UTC') + interval '1 day') at time zone 'UTC' - v_now))
    when 'concurrent_executions' then 5 end;
begin
  perform plane.raise_error(case when v_waits is null then 403 else 429 end, 'quota_exceeded',
    format('The organisation''s quota of %s is used up: %s of %s.', replace(p_name, '_', ' '), p_used, p_limit),
    case p_name
      when 'executions_per_day' then 'It begins anew at midnight UTC. '
      when 'concurrent_executions' then 'Wait until some have ended. '
      else 'Remove what is not needed. ' end
    || 'Who may manage limits can raise it: PATCH /api/limits.',
    jsonb_build_object('quota', p_name, 'limit', p_limit, 'used', p_used,
      'next', '[{"why": "see what is used", "method": "GET", "path": "/api/limits"}]'::jsonb)
    || case when v_waits is null then '{}' else jsonb_build_object('retry_after', v_waits) end);
end;
$$;
