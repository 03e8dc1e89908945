-- Registers an agent; the same name again is the same agent, with the given fields changed. Counts as a sign of life.
-- payload: {name, framework?, description?, capabilities?, endpoint?, config?, status?, lease_seconds?}
-- answers: the agent, and is_created · locks: the agent · raises: 403 quota_exceeded
create function api.register_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    constant timestamptz := plane.clock();
  v_before plane.agents;
  v_agent  plane.agents;
begin
  loop -- whoever registers the same name at the same moment is found the second time
    select * into v_before
    from plane.agents
    where org_id = plane.caller_org() and name = payload ->> 'name' and deleted_at is null
    for no key update;
    exit when found;
    insert into plane.agents
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
    on conflict do nothing
    returning * into v_agent;
    exit when found;
  end loop;

  if v_before.id is null then
    perform plane.check_quota('agents');
  else
    update plane.agents as a
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
    where a.id = v_before.id
    returning * into v_agent;
  end if;
  perform plane.note_agent_change(v_before, v_agent);
  return plane.agent_json(v_agent) || jsonb_build_object('is_created', v_before.id is null);
end;
$$;

insert into gateway.verbs values ('register_agent', 'agents:write', false);
