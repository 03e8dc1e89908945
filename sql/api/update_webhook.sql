-- Changes the given fields of a webhook. Switched off, it gets nothing and what waits for it becomes dead letters; switched on, it gets
-- what happens from now on.
-- payload: {id, changes: {url?, events?, description?, enabled?}} · answers: the webhook · raises: 404 webhook_not_found
create function api.update_webhook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  constant plane.webhooks := plane.find_webhook((payload ->> 'id')::uuid);
  v_on      constant boolean := coalesce((v_changes ->> 'enabled')::boolean, v_before.status = 'enabled');
  v_starts  constant boolean := v_on and v_before.status = 'disabled';
  v_webhook plane.webhooks;
begin
  update plane.webhooks as w
  set
    url = coalesce(v_changes ->> 'url', w.url),
    events = case when v_changes ? 'events' then array(select jsonb_array_elements_text(v_changes -> 'events')) else w.events end,
    description = case when v_changes ? 'description' then v_changes ->> 'description' else w.description end,
    status = case when v_on then 'enabled' else 'disabled' end,
    disabled_reason = case when not v_on then coalesce(w.disabled_reason, 'asked') end,
    since_xid = case when v_starts then plane.listen('webhooks') else w.since_xid end,
    failures = case when v_starts then 0 else w.failures end,
    failing_since = case when not v_starts then w.failing_since end,
    updated_at = plane.clock()
  where w.id = v_before.id
  returning * into v_webhook;
  if not v_on then
    update plane.webhook_deliveries
    set status = 'dead', ended_at = plane.clock()
    where webhook_id = v_webhook.id and status = 'pending' and claim_ref is null;
  end if;
  perform plane.record_audit('update_webhook', 'webhooks', v_webhook.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)),
    plane.webhook_json(v_before), plane.webhook_json(v_webhook));
  return plane.webhook_json(v_webhook);
end;
$$;

insert into gateway.verbs values ('update_webhook', 'webhooks:write', false);
