-- One delivery, with the event that it carries (null when it was erased) and where it goes.
-- payload: {id} · answers: the delivery, event, url · raises: 404 delivery_not_found
create function api.get_delivery(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_delivery constant plane.webhook_deliveries := plane.find_delivery((payload ->> 'id')::uuid);
begin
  return plane.delivery_json(v_delivery) || jsonb_build_object(
    'event', (select plane.event_body(e) from plane.events as e where e.org_id = v_delivery.org_id and e.feed_id = v_delivery.feed_id),
    'org_id', v_delivery.org_id,
    'url', (select w.url from plane.webhooks as w where w.id = v_delivery.webhook_id));
end;
$$;

insert into gateway.verbs values ('get_delivery', 'webhooks:read', true);
