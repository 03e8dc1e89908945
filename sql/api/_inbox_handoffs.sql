-- What an agent should know of hand-offs when it wakes up: {held: those it has, the first to lapse first; offered: those it may take;
-- sent: those it handed over that ended lately, the latest first}. Each with what it is about, without its packet and context.
-- called by: the inbox
create function plane.inbox_handoffs(p_agent_id uuid, p_limit int)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'held', coalesce((
      select jsonb_agg(plane.handoff_line(held::plane.handoffs) order by held.lease_until nulls last, held.accepted_at)
      from (
        select *
        from plane.handoffs
        where org_id = plane.caller_org() and agent_id = p_agent_id and status in ('claimed', 'accepted')
        order by lease_until nulls last, accepted_at
        limit p_limit
      ) as held), '[]'),
    'offered', coalesce((
      select jsonb_agg(plane.handoff_line(h) order by h.created_at, h.id) from plane.offered_handoffs(p_agent_id, p_limit) as h), '[]'),
    'sent', coalesce((
      select jsonb_agg(plane.handoff_line(sent::plane.handoffs) order by sent.completed_at desc)
      from (
        select *
        from plane.handoffs
        where org_id = plane.caller_org() and from_agent_id = p_agent_id and status in ('completed', 'rejected', 'dead', 'cancelled')
          and completed_at > plane.clock() - interval '7 days'
        order by completed_at desc
        limit p_limit
      ) as sent), '[]'));
$$;
