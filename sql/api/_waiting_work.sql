-- How much waits for an agent: its executions that have not ended, the approvals of the organisation that are open, the hand-offs that it
-- has or may take (100: so many or more), and the answers since p_since to what it asked people.
-- called by: heartbeat_agent, get_inbox
-- uses: executions_open_by_agent, waits_open_by_kind, handoffs_held, handoffs_offered, escalations_of_an_agent
create function plane.waiting_work(p_agent_id uuid, p_since timestamptz)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane.caller_org();
begin
  return jsonb_build_object(
    'executions', (
      select count(*) from plane.executions as e where e.org_id = v_org and e.agent_id = p_agent_id and e.status = 'running'),
    'approvals', (
      select count(*)
      from plane.waits as w
      where w.org_id = v_org and w.kind in ('approval', 'budget', 'unknown') and w.answered_at is null),
    'handoffs', plane.waiting_handoffs(p_agent_id) + (
      select count(*) from plane.handoffs as h where h.org_id = v_org and h.agent_id = p_agent_id and h.status in ('claimed', 'accepted')),
    'escalations', (
      select count(*)
      from plane.escalations as x
      where x.org_id = v_org and x.agent_id = p_agent_id and x.status in ('resolved', 'dismissed', 'timed_out')
        and x.decided_at >= coalesce(p_since, plane.clock() - interval '1 day')));
end;
$$;
