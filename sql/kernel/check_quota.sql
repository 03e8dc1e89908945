-- Lets pass what the caller's organisation has just added, or undoes it: raise after the insert, in the same transaction.
--
-- It is counted anew, at most so many index entries; in its last 64 the adders come one after the other, so that none gets past it.
-- What there may be much of (executions, state, memories) is counted anew up to 2000; a larger quota of it is compared with what
-- plane.count_quotas found, a minute ago as a rule, and may be passed by what is added meanwhile.
-- Called by every verb that adds something, as the caller, and by plane.start_execution. One index probe where there is no limit.
-- Locks: near the limit, the organisation's quota (advisory), until the transaction ends.
-- Raises 403 quota_exceeded; for what comes back by itself, executions of a day and concurrent ones, 429.
create function plane.check_quota(p_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_counted constant bigint := 2000;
  v_org     constant uuid := plane.caller_org();
  v_limit   bigint;
  v_used    bigint;
begin
  select max_value into v_limit from plane.quotas where org_id = v_org and name = p_name;
  if not found then
    v_limit := (plane.quota_defaults() ->> p_name)::bigint;
  end if;
  if v_limit is null then
    return;
  end if;

  if p_name = 'state_bytes' or v_limit > c_counted
    and p_name in ('state_entries', 'memories', 'executions_per_day', 'concurrent_executions')
  then
    select used into v_used from plane.quota_counts where org_id = v_org and name = p_name;
    if v_used >= v_limit then
      perform plane._refuse_over_quota(p_name, v_limit, v_used);
    end if;
    return;
  end if;
  v_used := plane._count_used(v_org, p_name, v_limit + 1);
  if v_used > v_limit - 64 then
    perform pg_advisory_xact_lock(hashtextextended('quota ' || p_name || ' ' || v_org, 0));
    v_used := plane._count_used(v_org, p_name, v_limit + 1);
  end if;
  if v_used > v_limit then
    perform plane._refuse_over_quota(p_name, v_limit, v_limit);
  elsif v_used = v_limit then
    perform plane._note_quota_reached(v_org, p_name, v_limit, v_used);
  end if;
end;
$$;
