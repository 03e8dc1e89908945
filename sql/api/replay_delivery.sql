-- Sends a delivery that has ended once more, now, with a full set of attempts. The receiver sees the same webhook-id.
-- payload: {id} · answers: the delivery · raises: 404 delivery_not_found, 409 webhook_disabled, still_sending
create function api.replay_delivery(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_delivery plane.webhook_deliveries := plane.find_delivery((payload ->> 'id')::uuid);
begin
  if (plane.find_webhook(v_delivery.webhook_id)).status = 'disabled' then
    perform plane.raise_error(409, 'webhook_disabled', 'The webhook is disabled, so nothing is sent.', 'Enable it first.');
  elsif v_delivery.claim_ref is not null and v_delivery.next_attempt_at > plane.clock() then
    perform plane.raise_error(409, 'still_sending', 'It is being sent at this moment.', 'Wait half a minute and read it again.');
  end if;
  update plane.webhook_deliveries
  set status = 'pending', attempts = 0, next_attempt_at = plane.clock(), claim_ref = null, ended_at = null
  where id = v_delivery.id
  returning * into v_delivery;
  perform plane.record_audit('replay_delivery', 'webhooks', v_delivery.webhook_id::text,
    jsonb_build_object('delivery_id', v_delivery.id));
  return plane.delivery_json(v_delivery);
end;
$$;

insert into gateway.verbs values ('replay_delivery', 'webhooks:write', false);
