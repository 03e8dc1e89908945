-- Opens an escalation of an organisation, in the caller's transaction. For SQL that has no tenant; others: plane.open_escalation.
--
-- p: {kind = question, reason, context?, priority = normal, form?, outcomes?, assign_to?, quorum = 1, needs_aal2?, not_requester?,
--     answerable_by = people, execution_id?, wait_token?, path?, workflow_id?, agent_id?, created_by?, requester_id?,
--     deadline? | timeout_seconds?, on_timeout?}
-- A budget's is one for all that waits for it: the open one is given, and held until the transaction ends.
-- Locks: the escalation, after frames and waits.
create function plane._open_escalation(p_org_id uuid, p jsonb)
returns plane.escalations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_priority   constant text := case when p ->> 'priority' in ('urgent', 'high', 'normal', 'low') then p ->> 'priority' else 'normal' end;
  v_escalation plane.escalations;
  v_id         constant uuid := gen_random_uuid();
begin
  insert into plane.escalations as e (
    id, org_id, kind, priority, rank, reason, context, form, outcomes, assign_to, quorum, needs_aal2, not_requester, answerable_by,
    execution_id, wait_token, path, workflow_id, agent_id, created_by, requester_id, deadline, on_timeout)
  values (
    v_id, p_org_id, coalesce(p ->> 'kind', 'question'), v_priority, array_position(array['urgent', 'high', 'normal', 'low'], v_priority) - 1,
    coalesce(left(nullif(p ->> 'reason', ''), 10000), 'Needs a decision.'),
    coalesce(nullif(p -> 'context', 'null'), '{}'), coalesce(nullif(p -> 'form', 'null'), '{}'),
    array(select jsonb_array_elements_text(case jsonb_typeof(p -> 'outcomes') when 'array' then p -> 'outcomes' else '[]' end)),
    plane._read_assignees(p -> 'assign_to'), coalesce((p ->> 'quorum')::int, 1), coalesce((p ->> 'needs_aal2')::boolean, false),
    (p ->> 'not_requester')::boolean, coalesce(p ->> 'answerable_by', 'people'), (p ->> 'execution_id')::uuid, p ->> 'wait_token', p ->> 'path',
    (p ->> 'workflow_id')::uuid, (p ->> 'agent_id')::uuid,
    coalesce(nullif(p -> 'created_by', 'null'), plane.caller_actor(), '{"kind": "plane", "id": null, "label": null}'),
    (p ->> 'requester_id')::uuid,
    coalesce((p ->> 'deadline')::timestamptz, plane.clock() + (p ->> 'timeout_seconds')::numeric * interval '1 second'),
    p ->> 'on_timeout')
  on conflict (execution_id) where kind = 'budget' and status in ('open', 'claimed') do update set rank = e.rank
  returning * into v_escalation;
  if v_escalation.id = v_id then
    perform plane._record_event(p_org_id, v_escalation.execution_id, 'escalation.opened', v_escalation.path, jsonb_build_object(
      'escalation_id', v_id, 'kind', v_escalation.kind, 'priority', v_escalation.priority, 'reason', left(v_escalation.reason, 200),
      'agent_id', v_escalation.agent_id, 'deadline', plane.time_text(v_escalation.deadline)));
  end if;
  return v_escalation;
end;
$$;
