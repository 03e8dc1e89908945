-- The memories of a namespace that fit a question best, by words and by meaning; without a question the newest.
-- payload: {namespace, query, limit, filter?: fields of the metadata that must be equal, embedding?, embedding_model?}
-- answers: {data: [memory, score, ranks: {text, vector}, similarity], vector: searched | no_embedding | no_pgvector}
create function api.search_memory(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return plane.search_memories(payload);
end;
$$;

insert into gateway.verbs values ('search_memory', 'memory:read', true);
