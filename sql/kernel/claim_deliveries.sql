-- Takes deliveries that are due, for a while: the webhooks by turns, and of each not more than may be in flight.
--
-- p: {limit = 20, per_webhook = 4, lease_seconds = 30}
-- Answers {deliveries: [{id, claim_ref, org_id, attempts, event, webhook: {id, url, secret, former_secret}}]}.
-- `event` is null when it was erased. Locks: webhooks, skipping those that somebody claims for, then their deliveries.
create function plane.claim_deliveries(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    constant timestamptz := plane.clock();
  v_limit  constant int := coalesce((p ->> 'limit')::int, 20);
  v_each   constant int := coalesce((p ->> 'per_webhook')::int, 4);
  v_until  constant timestamptz := v_now + coalesce((p ->> 'lease_seconds')::float8, 30) * interval '1 second';
  v_hooks  uuid[];
  v_answer jsonb;
begin
  perform plane._check_isolation();
  v_hooks := array(select plane._lock_due_webhooks(v_now, v_limit));
  if v_hooks = '{}' then
    return jsonb_build_object('deliveries', '[]'::jsonb);
  end if;
  with picked as (
    select due.id
    from unnest(v_hooks) as w (id)
    cross join lateral (
      select d.id, d.next_attempt_at, row_number() over (order by d.next_attempt_at) as turn
      from plane.webhook_deliveries as d
      where d.webhook_id = w.id and d.status = 'pending' and d.next_attempt_at <= v_now
      order by d.next_attempt_at
      limit greatest(0, v_each - (
        select count(*)
        from plane.webhook_deliveries as f
        where f.webhook_id = w.id and f.claim_ref is not null and f.next_attempt_at > v_now))
    ) as due
    order by due.turn, due.next_attempt_at
    limit v_limit
  ),
  claimed as (
    update plane.webhook_deliveries as d
    set claim_ref = gen_random_uuid(), attempts = d.attempts + 1, next_attempt_at = v_until
    from picked
    where d.id = picked.id and d.status = 'pending' and d.next_attempt_at <= v_now
    returning d.*
  )
  select jsonb_build_object('deliveries', coalesce(jsonb_agg(jsonb_build_object(
    'id', c.id, 'claim_ref', c.claim_ref, 'org_id', c.org_id, 'attempts', c.attempts,
    'event', case when e.feed_id is not null then plane.event_body(e) end,
    'webhook', jsonb_build_object('id', w.id, 'url', w.url, 'secret', w.secret,
      'former_secret', case when w.former_until > v_now then w.former_secret end))), '[]'))
  into v_answer
  from claimed as c
  join plane.webhooks as w on w.id = c.webhook_id
  left join plane.events as e on e.org_id = c.org_id and e.feed_id = c.feed_id;
  return v_answer;
end;
$$;

alter function plane.claim_deliveries(jsonb) owner to plane_kernel;
