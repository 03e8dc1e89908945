-- A sign of life: renews the lease and says what waits for the agent, so that polling needs one call.
-- payload: {id, status?, lease_seconds?}
-- answers: {id, name, status, health, lease_until, waiting: {executions: the agent's that have not ended,
--           approvals: what people of the organisation must answer}} · raises: 404 agent_not_found
-- uses: executions_by_agent, waits_open_by_kind
create function api.heartbeat_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent plane.agents := plane.find_agent((payload ->> 'id')::uuid, null);
begin
  update plane.agents as a
  set
    last_seen_at = plane.clock(),
    status = coalesce(payload ->> 'status', a.status),
    lease_seconds = case when payload ? 'lease_seconds' then (payload ->> 'lease_seconds')::int else a.lease_seconds end
  where a.id = v_agent.id
  returning * into v_agent;

  return jsonb_build_object(
    'id', v_agent.id,
    'name', v_agent.name,
    'status', v_agent.status,
    'health', plane.agent_health(v_agent.lease_seconds, v_agent.last_seen_at),
    'lease_until', v_agent.last_seen_at + make_interval(secs => v_agent.lease_seconds),
    'waiting', jsonb_build_object(
      'executions', (
        select count(*)
        from plane.executions as e
        where e.org_id = v_agent.org_id and e.agent_id = v_agent.id and e.status = 'running'),
      'approvals', (
        select count(*)
        from plane.waits as w
        where w.org_id = v_agent.org_id and w.kind in ('approval', 'budget', 'unknown') and w.answered_at is null)));
end;
$$;

insert into gateway.verbs values ('heartbeat_agent', 'agents:write', false);
