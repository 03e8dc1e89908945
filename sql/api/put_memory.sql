-- Remembers a text. With a key it replaces what stood under that key of the namespace.
-- payload: {namespace, content, key?, metadata?, agent_id?, expires_at? | expires_in_seconds?, embedding?, embedding_model?,
--           spent_usd?: what the embedding cost, outside of an execution; null: unknown}
-- answers: the memory, and is_created · raises: 422 unknown_agent, invalid_input
create function api.put_memory(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     constant timestamptz := plane.clock();
  v_expires constant timestamptz := coalesce(
    (payload ->> 'expires_at')::timestamptz, v_now + make_interval(secs => (payload ->> 'expires_in_seconds')::float8));
  v_old     plane.memories;
  v_memory  plane.memories;
begin
  perform plane.check_memory(payload, v_expires);
  perform plane.note_agent((payload ->> 'agent_id')::uuid);
  if payload ->> 'key' is not null then
    select * into v_old
    from plane.memories
    where org_id = plane.caller_org() and namespace = payload ->> 'namespace' and key = payload ->> 'key'
    for update;
  end if;

  insert into plane.memories as m
    (org_id, namespace, key, content, metadata, agent_id, embedding, embedding_model, expires_at, created_by, created_at, updated_at)
  values (
    plane.caller_org(), payload ->> 'namespace', payload ->> 'key', payload ->> 'content', coalesce(payload -> 'metadata', '{}'),
    (payload ->> 'agent_id')::uuid, plane.real_array(payload -> 'embedding'), payload ->> 'embedding_model', v_expires,
    plane.caller_actor(), v_now, v_now)
  on conflict (org_id, namespace, key) where key is not null do update
  set
    content = excluded.content,
    metadata = excluded.metadata,
    agent_id = coalesce(excluded.agent_id, m.agent_id),
    embedding = excluded.embedding,
    embedding_model = excluded.embedding_model,
    expires_at = excluded.expires_at,
    created_by = excluded.created_by,
    updated_at = v_now
  returning * into v_memory;
  if v_memory.created_at = v_now then
    perform plane.check_quota('memories');
  end if;

  if payload ? 'spent_usd' then
    perform plane.note_spending((payload ->> 'spent_usd')::numeric);
  end if;
  perform plane.record_audit('put_memory', 'memory', v_memory.id::text, jsonb_build_object('namespace', v_memory.namespace),
    case when v_old.id is not null then plane.memory_json(v_old) end, plane.memory_json(v_memory));
  return plane.memory_json(v_memory) || jsonb_build_object('is_created', v_memory.created_at = v_now);
end;
$$;

insert into gateway.verbs values ('put_memory', 'memory:write', false);
