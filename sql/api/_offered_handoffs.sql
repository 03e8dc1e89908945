-- The hand-offs that an agent of the caller's may take now: those to it, the oldest first, then those to whoever fits.
-- A claim that ran out counts as over, whether anybody has noticed or not. Looks at the oldest thousand of the open calls.
-- called by: waiting_handoffs, inbox_handoffs, claim_next_handoff, list_handoffs
create function plane.offered_handoffs(p_agent_id uuid, p_limit int)
returns setof plane.handoffs
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select h.*
  from plane.agents as a
  cross join lateral (
    (
      select *
      from plane.handoffs as own
      where own.org_id = a.org_id and own.to_agent_id = a.id and own.status in ('pending', 'claimed') and plane.may_be_taken(own)
      order by own.created_at, own.id
      limit p_limit
    )
    union all
    (
      select *
      from (
        select *
        from plane.handoffs as open
        where open.org_id = a.org_id and open.to_agent_id is null and open.status in ('pending', 'claimed') and plane.may_be_taken(open)
        order by open.created_at, open.id
        limit 1000
      ) as open
      where plane.fits_handoff(a, open::plane.handoffs) and open.from_agent_id is distinct from a.id
      limit p_limit
    )
  ) as h
  where a.org_id = plane.caller_org() and a.id = p_agent_id and a.deleted_at is null
  limit p_limit;
$$;
