-- Finds memories of the caller's organisation: by words, by meaning where pgvector is, the two ranks fused.
--
-- The score is the sum of 1 / (60 + rank) over both (reciprocal rank fusion, Cormack et al. 2009). A definer, because under
-- row-level security the index of words would go unused: its operator is not leakproof. The organisation is the claims'.
-- Called by api.search_memory.
create function plane.search_memories(p jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_pool     constant int := 100;         -- how many of each kind are ranked
  v_org      constant uuid := plane._require_org();
  v_words    constant tsquery := plane._any_word(p ->> 'query');
  v_vector   constant text := plane._vector_of(p -> 'embedding');
  v_filter   constant jsonb := coalesce(nullif(p -> 'filter', 'null'), '{}');
  v_answer   jsonb;
  v_by_rank  jsonb;
begin
  if v_vector is not null then
    v_by_rank := plane._nearest_memories(v_org, p, v_vector, c_pool);
  end if;
  with by_word as (
    select m.id, row_number() over (order by ts_rank_cd(m.words, v_words, 1) desc, m.updated_at desc, m.id) as place
    from plane.memories as m
    where m.org_id = v_org and m.namespace = p ->> 'namespace' and m.words @@ v_words
      and m.metadata @> v_filter and (m.expires_at is null or m.expires_at > plane.clock())
    order by place
    limit c_pool
  ), newest as (
    select m.id, row_number() over (order by m.created_at desc, m.id desc) as place
    from plane.memories as m
    where coalesce(btrim(p ->> 'query'), '') = '' and m.org_id = v_org and m.namespace = p ->> 'namespace'
      and m.metadata @> v_filter and (m.expires_at is null or m.expires_at > plane.clock())
    order by m.created_at desc, m.id desc
    limit (p ->> 'limit')::int
  ), by_meaning as (
    select (n ->> 'id')::uuid as id, (n ->> 'place')::bigint as place, (n ->> 'similarity')::numeric as similarity
    from jsonb_array_elements(coalesce(v_by_rank, '[]')) as n
  ), fused as (
    select
      id, w.place as text_place, v.place as vector_place, v.similarity,
      coalesce(1.0 / (60 + w.place), 0) + coalesce(1.0 / (60 + v.place), 0) + coalesce(1.0 / (60 + n.place), 0) as score
    from by_word as w
    full join by_meaning as v using (id)
    full join newest as n using (id)
    order by score desc, id
    limit (p ->> 'limit')::int
  )
  select jsonb_agg(
    plane.memory_json(m) || jsonb_build_object(
      'score', round(f.score, 6), 'ranks', jsonb_build_object('text', f.text_place, 'vector', f.vector_place),
      'similarity', f.similarity)
    order by f.score desc, f.id) into v_answer
  from fused as f
  join plane.memories as m using (id);

  return jsonb_build_object(
    'data', coalesce(v_answer, '[]'),
    'vector', case when v_vector is not null then 'searched' when p -> 'embedding' is null then 'no_embedding' else 'no_pgvector' end);
end;
$$;

alter function plane.search_memories(jsonb) owner to plane_kernel;
