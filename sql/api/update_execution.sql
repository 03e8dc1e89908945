-- Reports an external execution as a whole: that it goes on (running changes nothing), or how it ended. The report that ended it may come
-- again, for its answer may have been lost: it changes nothing.
-- payload: {execution_id, status, output?, error?, cost_usd?, agent_id?}
-- answers: the execution. A cost that nobody named is unknown: null, not 0.
-- raises: 404 execution_not_found, 409 not_external, illegal_transition, 422 unknown_agent
create function api.update_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_status    constant text := payload ->> 'status';
  v_cost      numeric := payload ->> 'cost_usd';
  v_is_told   boolean := payload ? 'cost_usd'; -- by this report, or by its steps
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  perform plane.require_external(v_execution);
  if v_status = 'running' and v_execution.status = 'running' then
    return plane.execution_json(v_execution, true);
  end if;

  if not v_is_told then
    select
      case when bool_and(not c.is_cost_unknown) then sum(c.cost_usd) end,
      coalesce(bool_or(c.cost_usd is not null or c.is_cost_unknown), false)
    into v_cost, v_is_told
    from plane.checkpoints as c
    where c.execution_id = v_execution.id;
  end if;
  if v_execution.status = 'running' and (plane.end_external_execution(
    payload || case when v_is_told then '{}' else '{"cost_usd": null}' end::jsonb) ->> 'is_new')::boolean
  then
    perform plane.record_audit('update_execution', 'executions', v_execution.id::text,
      jsonb_build_object('status', v_status, 'agent_id', payload -> 'agent_id'),
      jsonb_build_object('status', v_execution.status), payload - 'execution_id');
    return plane.execution_json(plane.find_execution(v_execution.id::text), true);
  end if;

  v_execution := plane.find_execution(v_execution.id::text);
  if (v_execution.status, v_execution.output, v_execution.error, v_execution.cost_usd)
    is distinct from (v_status, nullif(payload -> 'output', 'null'), nullif(payload -> 'error', 'null'), v_cost::numeric(18, 9))
  then
    perform plane.raise_error(409, 'illegal_transition',
      case v_execution.status
        when v_status then format('Execution %s is %s already, by another report.', v_execution.id, v_execution.status)
        else format('Execution %s is %s: it cannot become %s.', v_execution.id, v_execution.status, v_status) end,
      'It has ended for good. Restart it instead.',
      jsonb_build_object('allowed', '[]'::jsonb, 'status_now', v_execution.status));
  end if;
  return plane.execution_json(v_execution, true);
end;
$$;

insert into gateway.verbs values ('update_execution', 'executions:write', false);
