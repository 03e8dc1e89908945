-- A delivery as the API shows it.
create function plane.delivery_json(p_delivery plane.webhook_deliveries)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_delivery.id,
    'webhook_id', p_delivery.webhook_id,
    'event_id', 'evt_' || p_delivery.feed_id,
    'event_type', p_delivery.event_type,
    'status', case
      when p_delivery.claim_ref is not null and p_delivery.next_attempt_at > plane.clock() then 'sending'
      else p_delivery.status end,
    'attempts', p_delivery.attempts,
    'next_attempt_at', case when p_delivery.status = 'pending' and p_delivery.claim_ref is null then p_delivery.next_attempt_at end,
    'history', p_delivery.history,
    'created_at', p_delivery.created_at,
    'ended_at', p_delivery.ended_at);
end;
$$;
