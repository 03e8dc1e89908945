-- Disables a webhook that the caller has locked; what waits for it becomes dead letters, which can be replayed.
create function plane._disable_webhook(p_webhook plane.webhooks, p_reason text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update plane.webhooks
  set status = 'disabled', disabled_reason = p_reason, updated_at = plane.clock()
  where id = p_webhook.id;
  update plane.webhook_deliveries
  set status = 'dead', ended_at = plane.clock()
  where webhook_id = p_webhook.id and status = 'pending' and claim_ref is null;
  perform plane._record_event(p_webhook.org_id, null, 'webhook.disabled', null,
    jsonb_build_object('webhook_id', p_webhook.id, 'reason', p_reason));
  perform plane.record_plane_audit(p_webhook.org_id, 'disable_webhook', 'webhooks', p_webhook.id::text,
    jsonb_build_object('reason', p_reason));
end;
$$;
