-- A sign of life: renews the lease and says what waits for the agent, so that polling needs one call.
-- payload: {id, status?, lease_seconds?, since?}
-- answers: {id, name, status, health, lease_until, waiting: as plane.waiting_work} · locks: the agent · raises: 404 agent_not_found
create function api.heartbeat_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before plane.agents := plane.find_agent((payload ->> 'id')::uuid, null);
  v_agent  plane.agents;
begin
  update plane.agents as a
  set
    last_seen_at = plane.clock(),
    status = coalesce(payload ->> 'status', a.status),
    lease_seconds = case when payload ? 'lease_seconds' then (payload ->> 'lease_seconds')::int else a.lease_seconds end
  where a.id = v_before.id
  returning * into v_agent;
  if (v_before.status, v_before.lease_seconds) is distinct from (v_agent.status, v_agent.lease_seconds) then
    perform plane.note_agent_change(v_before, v_agent);
  end if;

  return jsonb_build_object(
    'id', v_agent.id,
    'name', v_agent.name,
    'status', v_agent.status,
    'health', plane.agent_health(v_agent.lease_seconds, v_agent.last_seen_at),
    'lease_until', v_agent.last_seen_at + make_interval(secs => v_agent.lease_seconds),
    'waiting', plane.waiting_work(v_agent.id, (payload ->> 'since')::timestamptz));
end;
$$;

insert into gateway.verbs values ('heartbeat_agent', 'agents:write', false);
