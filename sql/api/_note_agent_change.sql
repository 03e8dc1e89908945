-- Tells of a change that was made to an agent: in the feed, in the audit and in the index of its words. Nothing when nothing changed.
-- p_before: null when it is new; p_after.deleted_at is set when it was deleted. Answers whether anything changed.
-- called by: register_agent, update_agent, discover_agent, heartbeat_agent, delete_agent
create function plane.note_agent_change(p_before plane.agents, p_after plane.agents)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before constant jsonb := case when p_before.id is not null then plane.agent_said(p_before) end;
  v_after  constant jsonb := case when p_after.deleted_at is null then plane.agent_said(p_after) end;
  v_fields jsonb;
begin
  if v_before is not distinct from v_after then
    return false;
  end if;
  select coalesce(jsonb_agg(f.key order by f.key), '[]') into v_fields
  from jsonb_each(v_after) as f
  where v_before is not null and v_before -> f.key is distinct from f.value;

  if v_before is null or v_after is null or v_fields ?| '{name,description,capabilities}' then
    perform plane.index_agent(p_after);
  end if;
  perform plane.note_event(
    case when v_before is null then 'agent.registered' when v_after is null then 'agent.deleted' else 'agent.changed' end,
    jsonb_build_object('agent_id', p_after.id, 'name', p_after.name,
      'fields', case when v_before is not null and v_after is not null then v_fields end));
  perform plane.record_audit(
    case when v_before is null then 'register_agent' when v_after is null then 'delete_agent' else 'update_agent' end,
    'agents', p_after.id::text,
    jsonb_build_object('name', p_after.name)
    || case when v_before is not null and v_after is not null then jsonb_build_object('fields', v_fields) else '{}' end,
    v_before, v_after);
  return true;
end;
$$;
