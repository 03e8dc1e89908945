-- How many hand-offs an agent of the caller's may take now; 100 means so many or more.
-- called by: heartbeat_agent, the inbox
create function plane.waiting_handoffs(p_agent_id uuid)
returns int
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select count(*)::int from plane.offered_handoffs(p_agent_id, 100);
$$;
