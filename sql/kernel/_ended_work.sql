-- The work of agents that has ended, well or not. What was cancelled, and a hand-off that an agent declined, say nothing about it.
-- Records are counted from it.
create view plane.ended_work
with (security_invoker = true)
as
select e.org_id, e.agent_id, e.status = 'succeeded' as has_succeeded, e.created_at as started_at, e.ended_at, e.known_cost_usd as cost_usd,
  left(coalesce(e.error ->> 'message', e.error ->> 'code'), 500) as error
from plane.executions as e
where e.agent_id is not null and e.status <> 'running' and e.status <> 'cancelled' and e.parent_execution_id is null
union all
select h.org_id, h.agent_id, h.status = 'completed', coalesce(h.accepted_at, h.created_at), h.completed_at, null,
  left(coalesce(h.error ->> 'message', h.error ->> 'code'), 500)
from plane.handoffs as h
where h.agent_id is not null and h.completed_at is not null and h.status in ('completed', 'dead');
