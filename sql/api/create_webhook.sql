-- Adds a webhook: from now on it gets the events that it asks for.
-- payload: {id, url, events, description?, enabled?, secret: sealed} · answers: the webhook
create function api.create_webhook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_on      constant boolean := coalesce((payload ->> 'enabled')::boolean, true);
  v_webhook plane.webhooks;
begin
  insert into plane.webhooks (id, org_id, url, description, events, status, disabled_reason, secret, since_xid, created_by)
  values (
    (payload ->> 'id')::uuid, plane.caller_org(), payload ->> 'url', payload ->> 'description',
    array(select jsonb_array_elements_text(payload -> 'events')),
    case when v_on then 'enabled' else 'disabled' end, case when not v_on then 'asked' end,
    payload -> 'secret', plane.listen('webhooks'), coalesce(plane.caller_actor(), '{}'))
  returning * into v_webhook;
  perform plane.check_quota('webhooks');
  perform plane.record_audit('create_webhook', 'webhooks', v_webhook.id::text,
    jsonb_build_object('url', v_webhook.url, 'events', to_jsonb(v_webhook.events)), null, plane.webhook_json(v_webhook));
  return plane.webhook_json(v_webhook);
end;
$$;

insert into gateway.verbs values ('create_webhook', 'webhooks:write', false);
