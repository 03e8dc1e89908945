-- Takes requests from the caller's bucket and from the agent's: the one that is being made, what the process let pass on credit, and
-- some for the next ones. All or nothing.
--
-- p_lease: {caller: {debt, unspent, batch: false, default: {quota, window_seconds, burst} | null}, agent?: {…, subject}}
--   debt     requests that were let pass before and not paid for · unspent: what an older lease left, which is given back
--   batch    false: only this one, because another request is taking a batch already
-- Answers {caller: {granted: for the next ones, left, quota, window_seconds, burst, batch}, agent?}; quota null: no limit.
-- Over all processes no more than burst + rate x time pass, but for a batch of each process on hand and a batch on credit.
-- Called by the doors, when the claims are those of the caller. Locks: the buckets, the caller's first, until the call ends.
-- Raises 429 rate_limited with retry_after.
create function gateway._lease_tokens(p_lease jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims  constant jsonb := plane.caller_claims();
  v_org     constant uuid := (v_claims ->> 'org_id')::uuid;
  v_now     constant timestamptz := plane.clock();
  v_kind    text;
  v_asked   jsonb;
  v_subject text;
  v_limit   record;
  v_bucket  plane.rate_buckets;
  v_left    double precision;
  v_batch   int;
  v_granted int;
  v_told    jsonb;
  v_answer  jsonb := '{}';
begin
  if v_org is null or coalesce(v_claims ->> 'principal', '') not in ('api_key', 'person') then
    return null;
  end if;
  foreach v_kind in array array[case v_claims ->> 'principal' when 'person' then 'person' else 'key' end, 'agent'] loop
    v_asked := p_lease -> case when v_kind = 'agent' then 'agent' else 'caller' end;
    continue when v_asked is null;
    v_subject := case v_kind when 'key' then v_claims ->> 'key_id' when 'person' then v_claims ->> 'user_id' else left(v_asked ->> 'subject', 200) end;
    v_limit := gateway._rate_limit_of(v_org, v_kind, v_subject, v_asked -> 'default');

    insert into plane.rate_buckets as b (org_id, kind, subject, tokens, refilled_at)
    values (v_org, v_kind, v_subject, coalesce(v_limit.burst, 0), v_now)
    on conflict do nothing;
    select * into v_bucket
    from plane.rate_buckets
    where org_id = v_org and kind = v_kind and subject = v_subject
    for no key update;

    v_left := least(v_limit.burst, v_bucket.tokens + greatest(0, (v_asked ->> 'unspent')::int)
      + greatest(0, extract(epoch from v_now - v_bucket.refilled_at)) * v_limit.quota / v_limit.window_seconds) - greatest(0, (v_asked ->> 'debt')::int);
    v_batch := case when v_limit.quota is null then 50 else least(50, v_limit.quota / 20, v_limit.burst / 20) end;
    v_told := jsonb_build_object('quota', v_limit.quota, 'window_seconds', v_limit.window_seconds, 'burst', v_limit.burst, 'batch', v_batch);
    if v_left < 1 then
      perform plane.raise_error(429, 'rate_limited',
        format('This %s has sent its %s requests in %s seconds.', v_kind, v_limit.quota, v_limit.window_seconds),
        'Wait for retry_after seconds. Who may manage limits can raise it: PUT /api/limits/rates.',
        jsonb_build_object('kind', v_kind, 'limit', v_told || jsonb_build_object('left', 0),
          'retry_after', round(((1 - v_left) * v_limit.window_seconds / v_limit.quota)::numeric, 3)));
    end if;

    v_granted := case when coalesce((v_asked ->> 'batch')::boolean, true)
      then case when v_left is null then v_batch else least(v_batch, floor((v_left - 1) / 4)::int) end else 0 end;
    update plane.rate_buckets as b
    set
      tokens = coalesce(v_left - 1 - v_granted, 0),
      refilled_at = greatest(b.refilled_at, v_now), -- who waited for the row came with an older time
      counted = counted + 1 + v_granted + greatest(0, (v_asked ->> 'debt')::int) - greatest(0, (v_asked ->> 'unspent')::int)
    where org_id = v_org and kind = v_kind and subject = v_subject;
    v_answer := v_answer || jsonb_build_object(case when v_kind = 'agent' then 'agent' else 'caller' end,
      v_told || jsonb_build_object('granted', v_granted, 'left', floor(v_left - 1 - v_granted)));
  end loop;
  return v_answer;
end;
$$;

alter function gateway._lease_tokens(jsonb) owner to plane_gateway;
