-- What must never be true at a commit, one row for each place where it is. Read through plane.get_violations.
create view plane.violations
with (security_invoker = true)
as
-- Work
select 'a running execution has a live root frame' as invariant, e.id as execution_id, '' as frame, null::text as details
from plane.executions as e
where e.status = 'running' and e.mode = 'engine'
  and not exists (select from plane.frames as f where f.execution_id = e.id and f.frame = '' and f.status <> 'done')
union all
select 'a live frame belongs to a running execution', f.execution_id, f.frame, e.status
from plane.frames as f
join plane.executions as e on e.id = f.execution_id
where f.status <> 'done' and e.status <> 'running'
union all
select 'a live frame is of its execution''s gen', f.execution_id, f.frame, format('%s, not %s', f.gen, e.gen)
from plane.frames as f
join plane.executions as e on e.id = f.execution_id
where f.status <> 'done' and f.gen <> e.gen
union all
select 'a live frame has a live parent', f.execution_id, f.frame, f.parent_token
from plane.frames as f
where f.status <> 'done' and f.parent_token is not null
  and not exists (
    select from plane.frames as parent
    where parent.execution_id = f.parent_execution_id and parent.frame = f.parent_frame and parent.status <> 'done')
-- Holders
union all
select 'a running frame has a holder', f.execution_id, f.frame, f.owner
from plane.frames as f
where f.status = 'running' and f.claim_ref is null
union all
select 'a parked frame has no holder', f.execution_id, f.frame, f.claim_ref
from plane.frames as f
where f.status in ('waiting', 'done') and f.claim_ref is not null
-- Waits
union all
select 'a waiting frame waits for something', f.execution_id, f.frame, f.due_at::text
from plane.frames as f
where f.status = 'waiting' and f.cancel_grace_until is null and f.due_at > plane.clock() + interval '1 minute'
  and not exists (
    select from plane.waits as w
    where w.execution_id = f.execution_id and w.frame = f.frame and w.gen = f.gen and w.answered_at is null)
union all
select 'a waiting frame has been told every answer', f.execution_id, f.frame, null
from plane.frames as f
where f.status = 'waiting' and f.has_answers
union all
select 'a waiting frame is due when its first wait is', f.execution_id, f.frame, w.token
from plane.frames as f
join plane.waits as w on w.execution_id = f.execution_id and w.frame = f.frame and w.gen = f.gen and w.answered_at is null
where f.status = 'waiting' and f.cancel_grace_until is null and w.deadline < f.due_at
union all
select 'an open wait belongs to a live frame', w.execution_id, w.frame, w.token
from plane.waits as w
where w.answered_at is null
  and not exists (
    select from plane.frames as f
    where f.execution_id = w.execution_id and f.frame = w.frame and f.gen = w.gen and f.status <> 'done')
union all
select 'an open group has something left to wait for', w.execution_id, w.frame, w.token
from plane.waits as w
where w.answered_at is null and w.pending = 0
union all
select 'a group counts what lives below it', w.execution_id, w.frame, format('%s pending, %s live', w.pending, count(f.execution_id))
from plane.waits as w
left join plane.frames as f
  on f.parent_execution_id = w.execution_id and f.parent_token = w.token and f.status <> 'done'
where w.answered_at is null and w.kind in ('child', 'shards')
group by w.execution_id, w.token
having w.pending <> count(f.execution_id)
union all
select 'a step that handed its work over is waited for by somebody', w.execution_id, w.frame, w.token
from plane.waits as w
where w.answered_at is null and w.kind = 'handoff'
  and not exists (
    select from plane.handoffs as h
    where h.execution_id = w.execution_id and h.wait_token = w.token and h.completed_at is null)
union all
select 'an open hand-off of a step has an open wait', h.execution_id, h.path, h.id::text
from plane.handoffs as h
where h.wait_token is not null and h.completed_at is null
  and not exists (
    select from plane.waits as w
    where w.execution_id = h.execution_id and w.token = h.wait_token and w.answered_at is null)
-- Records
union all
select 'a queued signal is not awaited', s.execution_id, w.frame, s.name
from plane.signals as s
join plane.waits as w on w.execution_id = s.execution_id and w.name = s.name
where s.taken_at is null and w.kind = 'event' and w.answered_at is null and plane._has_equal(s.payload, w.match)
-- Questions
union all
select 'a wait for a decision has its escalation', w.execution_id, w.frame, w.token
from plane.waits as w
where w.answered_at is null and w.kind in ('approval', 'unknown')
  and not exists (
    select from plane.escalations as x
    where x.execution_id = w.execution_id and x.wait_token = w.token and x.decided_at is null)
union all
select 'a wait for money has its escalation', w.execution_id, w.frame, w.token
from plane.waits as w
join plane.executions as e on e.id = w.execution_id
where w.answered_at is null and w.kind = 'budget'
  and not exists (
    select from plane.escalations as x
    where x.execution_id = e.root_execution_id and x.kind = 'budget' and x.decided_at is null)
union all
select 'an open escalation has its wait', x.execution_id, null, x.wait_token
from plane.escalations as x
where x.decided_at is null and x.wait_token is not null
  and not exists (
    select from plane.waits as w
    where w.execution_id = x.execution_id and w.token = x.wait_token and w.answered_at is null)
union all
select 'an open escalation of a budget has its wait', x.execution_id, null, null
from plane.escalations as x
where x.decided_at is null and x.kind = 'budget' and not plane._has_open_budget(x.execution_id);
