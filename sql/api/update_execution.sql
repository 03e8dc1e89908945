-- Reports an external execution as a whole: that it goes on (running changes nothing), or how it ended.
-- payload: {execution_id, status, output?, error?, cost_usd?, agent_id?}
-- answers: the execution. A cost that nobody named is unknown: null, not 0.
-- raises: 404 execution_not_found, 409 not_external, illegal_transition, 422 unknown_agent
create function api.update_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_status    constant text := payload ->> 'status';
  v_allowed   constant jsonb := case v_execution.status when 'running' then '["running", "succeeded", "failed", "cancelled"]' else '[]' end;
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  perform plane.require_external(v_execution);
  if not v_allowed ? v_status then
    perform plane.raise_error(409, 'illegal_transition',
      format('Execution %s is %s: it cannot become %s.', v_execution.id, v_execution.status, v_status),
      case v_execution.status when 'running' then 'Use one of `allowed`.' else 'It has ended for good. Restart it instead.' end,
      jsonb_build_object('allowed', v_allowed, 'status_now', v_execution.status));
  end if;
  if v_status <> 'running' then
    perform plane.end_external_execution(payload || case
      when payload ? 'cost_usd' then '{}'
      when exists (
        select from plane.checkpoints as c
        where c.execution_id = v_execution.id and (c.cost_usd is not null or c.is_cost_unknown)
      ) then '{}'
      else '{"cost_usd": null}' end::jsonb);
    perform plane.record_audit('update_execution', 'executions', v_execution.id::text,
      jsonb_build_object('status', v_status, 'agent_id', payload -> 'agent_id'));
  end if;
  return plane.execution_json(plane.find_execution(v_execution.id::text), true);
end;
$$;

insert into gateway.verbs values ('update_execution', 'executions:write', false);
