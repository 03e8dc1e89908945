-- Sends a webhook's dead letters since a time once more, the oldest 1000.
-- payload: {webhook_id, since} · answers: {replayed, has_more} · raises: 404 webhook_not_found, 409 webhook_disabled
create function api.replay_deliveries(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_webhook constant plane.webhooks := plane.find_webhook((payload ->> 'webhook_id')::uuid);
  v_count   int;
begin
  if v_webhook.status = 'disabled' then
    perform plane.raise_error(409, 'webhook_disabled', 'The webhook is disabled, so nothing is sent.', 'Enable it first.');
  end if;
  with dead as (
    select d.id
    from plane.webhook_deliveries as d
    where d.org_id = v_webhook.org_id and d.webhook_id = v_webhook.id and d.status = 'dead'
      and d.created_at >= (payload ->> 'since')::timestamptz
    order by d.created_at, d.id
    limit 1000
  )
  update plane.webhook_deliveries as d
  set status = 'pending', attempts = 0, next_attempt_at = plane.clock(), claim_ref = null, ended_at = null
  from dead
  where d.id = dead.id;
  get diagnostics v_count = row_count;
  perform plane.record_audit('replay_deliveries', 'webhooks', v_webhook.id::text,
    jsonb_build_object('since', payload -> 'since', 'replayed', v_count));
  return jsonb_build_object('replayed', v_count, 'has_more', v_count = 1000);
end;
$$;

insert into gateway.verbs values ('replay_deliveries', 'webhooks:write', false);
