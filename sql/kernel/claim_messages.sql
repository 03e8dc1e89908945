-- Takes messages of the inbox that are due, for a while: the organisations by turns.
--
-- p: {limit = 20, lease_seconds = 30}
-- Answers {messages: [{id, claim_ref, org_id, attempts, message_id, headers, body, hops, received_at, source: {kind, id, name}, target,
--   version_id}], documents: {version_id: document}}. Locks: messages, skipping those that somebody takes.
create function plane.claim_messages(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    constant timestamptz := plane.clock();
  v_limit  constant int := coalesce((p ->> 'limit')::int, 20);
  v_until  constant timestamptz := v_now + coalesce((p ->> 'lease_seconds')::float8, 30) * interval '1 second';
  v_answer jsonb;
begin
  perform plane._check_isolation();
  with recursive organisations as (
    (select m.org_id from plane.trigger_messages as m where m.status = 'pending' order by m.org_id limit 1)
    union all
    select (select m.org_id from plane.trigger_messages as m
      where m.status = 'pending' and m.org_id > o.org_id order by m.org_id limit 1)
    from organisations as o
    where o.org_id is not null
  ),
  due as (
    select first.id
    from organisations as o
    cross join lateral (
      select m.id, row_number() over (order by m.due_at) as turn
      from plane.trigger_messages as m
      where m.org_id = o.org_id and m.status = 'pending' and m.due_at <= v_now
      order by m.due_at
      limit v_limit
    ) as first
    order by first.turn
    limit v_limit
  ),
  locked as (
    select m.id from plane.trigger_messages as m join due on due.id = m.id
    where m.status = 'pending' and m.due_at <= v_now
    for no key update of m skip locked
  ),
  claimed as (
    update plane.trigger_messages as m
    set claim_ref = gen_random_uuid(), attempts = m.attempts + 1, due_at = v_until
    from locked
    where m.id = locked.id
    returning m.*
  ),
  known as (
    select c as message, coalesce(h.target, t.target) as target, coalesce(h.name, t.name) as name
    from claimed as c
    left join plane.hooks as h on h.id = c.hook_id
    left join plane.event_triggers as t on t.id = c.trigger_id
  ),
  found as (
    select k.*, v.id as version_id, v.document
    from known as k
    left join lateral plane._find_target((k.message).org_id, k.target ->> 'workflow', (k.target ->> 'version')::int) as v on true
  )
  select jsonb_build_object(
    'messages', coalesce(jsonb_agg(jsonb_build_object(
      'id', (f.message).id, 'claim_ref', (f.message).claim_ref, 'org_id', (f.message).org_id, 'attempts', (f.message).attempts,
      'message_id', (f.message).message_id, 'headers', (f.message).headers, 'body', (f.message).body, 'hops', (f.message).hops,
      'received_at', plane.time_text((f.message).received_at), 'target', f.target, 'version_id', f.version_id,
      'source', jsonb_build_object('kind', case when (f.message).hook_id is null then 'trigger' else 'hook' end,
        'id', coalesce((f.message).hook_id, (f.message).trigger_id), 'name', f.name))
      order by (f.message).received_at, (f.message).id), '[]'),
    'documents', coalesce(jsonb_object_agg(f.version_id, f.document) filter (where f.version_id is not null), '{}'))
  into v_answer
  from found as f;
  return v_answer;
end;
$$;

alter function plane.claim_messages(jsonb) owner to plane_kernel;
