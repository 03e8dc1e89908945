-- A webhook as the API shows it: never its secrets.
create function plane.webhook_json(p_webhook plane.webhooks)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_webhook.id,
    'url', p_webhook.url,
    'description', p_webhook.description,
    'events', to_jsonb(p_webhook.events),
    'enabled', p_webhook.status = 'enabled',
    'disabled_reason', p_webhook.disabled_reason,
    'failures', p_webhook.failures,
    'failing_since', p_webhook.failing_since,
    'former_secret_until', case when p_webhook.former_until > plane.clock() then p_webhook.former_until end,
    'created_by', p_webhook.created_by,
    'created_at', p_webhook.created_at,
    'updated_at', p_webhook.updated_at);
end;
$$;
