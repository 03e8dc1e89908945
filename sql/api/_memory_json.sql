-- A memory as the API shows it.
create function plane.memory_json(p_memory plane.memories)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_memory.id,
    'namespace', p_memory.namespace,
    'key', p_memory.key,
    'content', p_memory.content,
    'metadata', p_memory.metadata,
    'agent_id', p_memory.agent_id,
    'embedded', p_memory.embedding is not null,
    'expires_at', p_memory.expires_at,
    'created_by', p_memory.created_by,
    'created_at', p_memory.created_at,
    'updated_at', p_memory.updated_at);
end;
$$;
