-- Puts a mail into the outbox for every member who may answer a new escalation by mail, and forgets links that expired a month ago.
--
-- p: {limit = 100} · answers {announced, queued}. Called by the chore mails. Locks: escalations, skipping those that somebody holds.
create function plane.announce_escalations(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit     constant int := coalesce((p ->> 'limit')::int, 100);
  v_announced plane.escalations[];
  v_queued    int;
begin
  with found as (
    select id
    from plane.escalations
    where status in ('open', 'claimed') and announced_at is null
    order by created_at
    limit v_limit
    for no key update skip locked
  ), announced as (
    update plane.escalations as e
    set announced_at = plane.clock()
    from found
    where e.id = found.id
    returning e.*
  )
  select array_agg(a) into v_announced from announced as a;

  insert into plane.escalation_mails (org_id, escalation_id, user_id)
  select m.org_id, e.id, m.user_id
  from unnest(v_announced) as e
  join plane.members as m on m.org_id = e.org_id
  where plane._may_be_mailed(e, m)
  on conflict (escalation_id, user_id) where sent_at is null and given_up_at is null do nothing;
  get diagnostics v_queued = row_count;

  delete from plane.escalation_links where id in (
    select id from plane.escalation_links where expires_at < plane.clock() - interval '30 days' limit v_limit for update skip locked);
  return jsonb_build_object('announced', coalesce(cardinality(v_announced), 0), 'queued', v_queued);
end;
$$;

alter function plane.announce_escalations(jsonb) owner to plane_kernel;
