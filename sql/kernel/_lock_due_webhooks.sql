-- Enabled webhooks with a delivery that is due, those first whose has waited longest.
-- Hops from webhook to webhook along the index: one with a million deliveries does not hide the others.
-- Locks: webhooks, skipping those that somebody claims for, so that the limit for each holds.
create function plane._lock_due_webhooks(p_now timestamptz, p_limit int)
returns setof uuid
language sql
set search_path = pg_catalog, pg_temp
as $$
  with recursive waiting as (
    (select d.webhook_id from plane.webhook_deliveries as d where d.status = 'pending' order by d.webhook_id limit 1)
    union all
    select (
      select d.webhook_id from plane.webhook_deliveries as d
      where d.status = 'pending' and d.webhook_id > w.webhook_id
      order by d.webhook_id limit 1)
    from waiting as w
    where w.webhook_id is not null
  ),
  due as (
    select w.webhook_id, first.next_attempt_at
    from waiting as w
    cross join lateral (
      select d.next_attempt_at from plane.webhook_deliveries as d
      where d.webhook_id = w.webhook_id and d.status = 'pending'
      order by d.next_attempt_at limit 1
    ) as first
    where first.next_attempt_at <= p_now
  )
  select w.id
  from due
  join plane.webhooks as w on w.id = due.webhook_id
  where w.status = 'enabled'
  order by due.next_attempt_at
  limit p_limit
  for no key update of w skip locked;
$$;
