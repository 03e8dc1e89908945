-- Records what an external agent says about its execution as a whole: how it goes, or how it ended.
--
-- p: {execution_id, status: running | succeeded | failed | cancelled, output?, error?, cost_usd?, executed_with_model?, agent_id?}
-- A cost that nobody named stays unknown: null, not 0. Called by api.update_execution and api.cancel_execution.
-- Locks: the execution. Raises 404 execution_not_found · 409 not_external, illegal_transition.
create function plane.report_execution(p jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_execution constant plane.executions := plane._hold_external((p ->> 'execution_id')::uuid);
  v_status    constant text := p ->> 'status';
  v_allowed   constant jsonb := case when v_execution.status = 'running'
    then '["running", "succeeded", "failed", "cancelled"]' else '[]' end;
  v_given     constant numeric := (p ->> 'cost_usd')::numeric;
  v_total     numeric := coalesce(v_given, v_execution.known_cost_usd);
  v_known     numeric := v_total;
begin
  if not v_allowed ? v_status then
    perform plane.raise_error(409, 'illegal_transition', format('Execution %s is %s: it cannot become %s.', v_execution.id,
      v_execution.status, v_status), case when v_execution.status = 'running' then 'Use one of `allowed`.'
      else 'It has ended for good. Start another one.' end, jsonb_build_object('allowed', v_allowed, 'status_now', v_execution.status));
  end if;

  if v_total is null and v_status <> 'running' then
    select
      case when not bool_or(c.is_cost_unknown) then sum(c.cost_usd) end, coalesce(sum(c.cost_usd), 0)
    into v_total, v_known
    from plane.checkpoints as c
    where c.execution_id = v_execution.id and (c.cost_usd is not null or c.is_cost_unknown);
  end if;
  update plane.executions
  set
    status = v_status,
    output = case when p ? 'output' then p -> 'output' else output end,
    error = coalesce(nullif(p -> 'error', 'null'), error),
    executed_with_model = coalesce(p ->> 'executed_with_model', executed_with_model),
    agent_id = coalesce((p ->> 'agent_id')::uuid, agent_id),
    cost_usd = case when v_status <> 'running' then v_total end,
    known_cost_usd = v_known,
    ended_at = case when v_status <> 'running' then plane.clock() end
  where id = v_execution.id;
  if v_status <> 'running' then
    perform plane._record_event(v_execution.org_id, v_execution.id, 'execution.' || v_status, null,
      jsonb_build_object('code', p -> 'error' -> 'code', 'message', p -> 'error' -> 'message', 'gen', v_execution.gen));
  end if;
end;
$$;

alter function plane.report_execution(jsonb) owner to plane_kernel;
