-- Gives a webhook a new secret; what is sent is signed with the former one too for a while.
-- payload: {id, secret: sealed, overlap_seconds} · answers: the webhook · raises: 404 webhook_not_found
create function api.rotate_webhook(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_webhook plane.webhooks := plane.find_webhook((payload ->> 'id')::uuid);
begin
  update plane.webhooks as w
  set
    former_secret = w.secret,
    former_until = plane.clock() + (payload ->> 'overlap_seconds')::int * interval '1 second',
    secret = payload -> 'secret',
    updated_at = plane.clock()
  where w.id = v_webhook.id
  returning * into v_webhook;
  perform plane.record_audit('rotate_webhook', 'webhooks', v_webhook.id::text,
    jsonb_build_object('overlap_seconds', payload -> 'overlap_seconds'));
  return plane.webhook_json(v_webhook);
end;
$$;

insert into gateway.verbs values ('rotate_webhook', 'webhooks:write', false);
