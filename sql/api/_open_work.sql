-- How many pieces of work an agent of the caller's organisation has on its hands: executions that have not ended, hand-offs that it took.
-- called by: get_agent · uses: executions_open_by_agent, handoffs_held
create function plane.open_work(p_agent_id uuid)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select count(*)
    from plane.executions as e
    where e.org_id = plane.caller_org() and e.agent_id = p_agent_id and e.status = 'running'
  ) + (
    select count(*)
    from plane.handoffs as h
    where h.org_id = plane.caller_org() and h.agent_id = p_agent_id and h.status in ('claimed', 'accepted')
  );
end;
$$;
