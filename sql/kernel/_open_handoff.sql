-- Hands a step's work over, or answers the wait at once as failed when there is nobody of that name. Answers the doorbells.
--
-- p_open: {token, path, handoff: {id, to | match, packet, context, reason, max_attempts}}
-- The id is given, so that opening it again finds the same one. The caller holds the frame.
create function plane._open_handoff(p_frame plane.frames, p_open jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wanted    constant jsonb := p_open -> 'handoff';
  v_to        constant text := v_wanted ->> 'to';
  v_execution plane.executions;
  v_workflow  uuid;
  v_agent     uuid;
  v_handoff   plane.handoffs;
begin
  select * into v_execution from plane.executions where id = p_frame.execution_id;
  select w.id into v_workflow from plane.workflows as w where w.id = v_execution.workflow_id;
  if v_to is not null then
    select a.id into v_agent
    from plane.agents as a
    where a.org_id = p_frame.org_id and (a.name = v_to or a.id::text = v_to) and a.deleted_at is null
    order by a.name = v_to desc
    limit 1;
    if v_agent is null then
      perform plane._answer_wait(p_frame.execution_id, p_open ->> 'token', 'failed', jsonb_build_object(
        'code', 'agent_not_found', 'message', format('There is no agent %s to hand this to; register it first.', v_to)));
      perform plane._wake(p_frame.execution_id, p_frame.frame);
      return '[]';
    end if;
  end if;

  insert into plane.handoffs (
    id, org_id, from_agent_id, to_agent_id, match, workflow_id, execution_id, wait_token, path, packet, context, reason, max_attempts,
    deadline_at, created_by)
  values (
    (v_wanted ->> 'id')::uuid, p_frame.org_id, v_execution.agent_id, v_agent, nullif(v_wanted -> 'match', 'null'), v_workflow,
    p_frame.execution_id, p_open ->> 'token', p_open ->> 'path', nullif(v_wanted -> 'packet', 'null'),
    coalesce(nullif(v_wanted -> 'context', 'null'), '{}'), v_wanted ->> 'reason', coalesce((v_wanted ->> 'max_attempts')::int, 3),
    (v_wanted -> 'packet' -> 'budget' ->> 'deadline')::timestamptz,
    jsonb_build_object('kind', 'plane', 'id', p_frame.execution_id, 'label', p_open ->> 'path'))
  on conflict do nothing
  returning * into v_handoff;
  if found then
    perform plane._note_handoff(v_handoff, 'created');
  end if;
  return '[]';
end;
$$;
