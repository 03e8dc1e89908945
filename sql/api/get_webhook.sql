-- One webhook.
-- payload: {id} · answers: the webhook · raises: 404 webhook_not_found
create function api.get_webhook(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.webhook_json(plane.find_webhook((payload ->> 'id')::uuid));
$$;

insert into gateway.verbs values ('get_webhook', 'webhooks:read', true);
