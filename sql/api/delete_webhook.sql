-- Deletes a webhook with its deliveries.
-- payload: {id} · answers: {id} · raises: 404 webhook_not_found
create function api.delete_webhook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_webhook constant plane.webhooks := plane.find_webhook((payload ->> 'id')::uuid);
begin
  delete from plane.webhooks where id = v_webhook.id;
  perform plane.record_audit('delete_webhook', 'webhooks', v_webhook.id::text, jsonb_build_object('url', v_webhook.url),
    plane.webhook_json(v_webhook));
  return jsonb_build_object('id', v_webhook.id);
end;
$$;

insert into gateway.verbs values ('delete_webhook', 'webhooks:write', false);
