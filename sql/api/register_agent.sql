-- Registers an agent; the same name again is the same agent, with the given fields changed. Counts as a sign of life.
-- payload: {name, framework?, description?, capabilities?, endpoint?, config?, status?, lease_seconds?}
-- answers: the agent, and is_created
create function api.register_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now        constant timestamptz := plane.clock();
  v_agent      plane.agents;
  v_is_created boolean;
begin
  insert into plane.agents as a
    (org_id, name, framework, description, capabilities, endpoint, config, status, lease_seconds,
    last_seen_at, created_at, updated_at)
  values (
    plane.caller_org(),
    payload ->> 'name',
    coalesce(payload ->> 'framework', 'custom'),
    payload ->> 'description',
    coalesce(payload -> 'capabilities', '[]'),
    payload ->> 'endpoint',
    coalesce(payload -> 'config', '{}'),
    coalesce(payload ->> 'status', 'active'),
    (payload ->> 'lease_seconds')::int,
    v_now, v_now, v_now)
  on conflict (org_id, name) where deleted_at is null do update
  set
    framework = coalesce(payload ->> 'framework', a.framework),
    description = case when payload ? 'description' then payload ->> 'description' else a.description end,
    capabilities = coalesce(payload -> 'capabilities', a.capabilities),
    endpoint = case when payload ? 'endpoint' then payload ->> 'endpoint' else a.endpoint end,
    config = coalesce(payload -> 'config', a.config),
    status = coalesce(payload ->> 'status', a.status),
    lease_seconds = case when payload ? 'lease_seconds' then (payload ->> 'lease_seconds')::int else a.lease_seconds end,
    last_seen_at = v_now,
    updated_at = v_now
  returning * into v_agent;
  v_is_created := v_agent.created_at = v_agent.updated_at;

  perform plane.record_audit(case when v_is_created then 'register_agent' else 'update_agent' end, 'agents', v_agent.id::text,
    jsonb_build_object('name', v_agent.name));
  return plane.agent_json(v_agent) || jsonb_build_object('is_created', v_is_created);
end;
$$;

insert into gateway.verbs values ('register_agent', 'agents:write', false);
