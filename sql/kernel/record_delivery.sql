-- Notes how an attempt went, for who still holds the claim.
--
-- p: {id, claim_ref, outcome: delivered | failed | gone, status_code?, duration_ms, error?: {code, message}, response?,
--     retry_in_seconds?: null gives up, disable_after_days, disable_after_failures}
-- Answers {ok, status, disabled}; {ok: false, reason: stale} when the claim is another's by now.
-- Locks: the webhook (when something about it changes), then the delivery.
create function plane.record_delivery(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now       constant timestamptz := plane.clock();
  v_good      constant boolean := p ->> 'outcome' = 'delivered';
  v_retry     constant float8 := (p ->> 'retry_in_seconds')::float8;
  v_attempt   constant jsonb := jsonb_strip_nulls(jsonb_build_object('at', plane.time_text(v_now), 'status_code', p -> 'status_code',
    'duration_ms', p -> 'duration_ms', 'error', p -> 'error', 'response', p -> 'response'));
  v_webhook   plane.webhooks;
  v_delivery  plane.webhook_deliveries;
  v_disable   text;
begin
  perform plane._check_isolation();
  select w.* into v_webhook
  from plane.webhooks as w
  where w.id = (select d.webhook_id from plane.webhook_deliveries as d where d.id = (p ->> 'id')::uuid);
  if not v_good or v_webhook.failures > 0 then
    select * into v_webhook from plane.webhooks where id = v_webhook.id for no key update;
  end if;
  select * into v_delivery
  from plane.webhook_deliveries
  where id = (p ->> 'id')::uuid and claim_ref = (p ->> 'claim_ref')::uuid and status = 'pending'
  for no key update;
  if v_delivery.id is null then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  if p ->> 'outcome' = 'gone' then
    v_disable := 'gone';
  elsif not v_good and v_webhook.failures + 1 >= (p ->> 'disable_after_failures')::int
    and v_webhook.failing_since < v_now - (p ->> 'disable_after_days')::float8 * interval '1 day' then
    v_disable := 'failing';
  end if;
  update plane.webhook_deliveries
  set
    status = case
      when v_good then 'delivered'
      when v_retry is null or v_disable is not null or v_webhook.status = 'disabled' then 'dead'
      else 'pending' end,
    next_attempt_at = v_now + coalesce(v_retry, 0) * interval '1 second',
    claim_ref = null,
    history = plane._last_attempts(history || v_attempt),
    ended_at = case when v_good or v_retry is null or v_disable is not null or v_webhook.status = 'disabled' then v_now end
  where id = v_delivery.id
  returning * into v_delivery;

  if v_good and v_webhook.failures > 0 then
    update plane.webhooks set failures = 0, failing_since = null where id = v_webhook.id;
  elsif not v_good then
    update plane.webhooks set failures = failures + 1, failing_since = coalesce(failing_since, v_now) where id = v_webhook.id;
  end if;
  if v_disable is not null and v_webhook.status = 'enabled' then
    perform plane._disable_webhook(v_webhook, v_disable);
  end if;
  return jsonb_build_object('ok', true, 'status', v_delivery.status, 'disabled', v_disable);
end;
$$;

alter function plane.record_delivery(jsonb) owner to plane_kernel;
