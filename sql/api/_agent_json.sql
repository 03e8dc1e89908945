-- An agent as the API shows it.
create function plane.agent_json(p_agent plane.agents)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', p_agent.id,
    'name', p_agent.name,
    'framework', p_agent.framework,
    'description', p_agent.description,
    'capabilities', p_agent.capabilities,
    'endpoint', p_agent.endpoint,
    'config', p_agent.config,
    'status', p_agent.status,
    'health', plane.agent_health(p_agent.lease_seconds, p_agent.last_seen_at),
    'lease_seconds', p_agent.lease_seconds,
    'lease_until', p_agent.last_seen_at + make_interval(secs => p_agent.lease_seconds),
    'last_seen_at', p_agent.last_seen_at,
    'created_at', p_agent.created_at,
    'updated_at', p_agent.updated_at);
$$;
