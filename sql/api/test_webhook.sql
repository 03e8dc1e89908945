-- Sends one webhook an event of type webhook.test, whatever events it asks for.
-- payload: {id} · answers: the delivery · raises: 404 webhook_not_found, 409 webhook_disabled
create function api.test_webhook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_webhook  constant plane.webhooks := plane.find_webhook((payload ->> 'id')::uuid);
  v_event    plane.events;
  v_delivery plane.webhook_deliveries;
begin
  if v_webhook.status = 'disabled' then
    perform plane.raise_error(409, 'webhook_disabled', 'The webhook is disabled, so nothing is sent.', 'Enable it first.');
  end if;
  insert into plane.events (org_id, type, data)
  values (v_webhook.org_id, 'webhook.test', jsonb_build_object('webhook_id', v_webhook.id))
  returning * into v_event;
  insert into plane.webhook_deliveries (org_id, webhook_id, feed_id, event_type)
  values (v_webhook.org_id, v_webhook.id, v_event.feed_id, v_event.type)
  returning * into v_delivery;
  perform plane.record_audit('test_webhook', 'webhooks', v_webhook.id::text);
  return plane.delivery_json(v_delivery);
end;
$$;

insert into gateway.verbs values ('test_webhook', 'webhooks:write', false);
