-- The memories of a namespace whose meaning is nearest, by cosine: [{id, place, similarity}]. Compares those of the same model.
-- Reads every embedding of the namespace: exact, and quick enough for tens of thousands. Needs pgvector in schema extensions.
-- p: {namespace, embedding_model, filter?} · Called by plane.search_memories.
create function plane._nearest_memories(p_org_id uuid, p jsonb, p_vector text, p_limit int)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_nearest jsonb;
begin
  with near as (
    select m.id, 1 - (m.embedding::extensions.vector operator(extensions.<=>) p_vector::extensions.vector) as similarity
    from plane.memories as m
    where m.org_id = p_org_id and m.namespace = p ->> 'namespace'
      and m.embedding_model = p ->> 'embedding_model'
      and cardinality(m.embedding) = jsonb_array_length(p -> 'embedding')
      and m.metadata @> coalesce(nullif(p -> 'filter', 'null'), '{}')
      and (m.expires_at is null or m.expires_at > plane.clock())
    order by similarity desc, m.id
    limit p_limit
  )
  select jsonb_agg(jsonb_build_object('id', n.id, 'place', n.place, 'similarity', round(n.similarity::numeric, 6))) into v_nearest
  from (select id, similarity, row_number() over (order by similarity desc, id) as place from near) as n;
  return v_nearest;
end;
$$;
