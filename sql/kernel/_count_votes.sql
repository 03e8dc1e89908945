-- Who said the same, and how many more must: {votes: [actor], missing}.
create function plane._count_votes(p_votes jsonb, p_outcome text, p_quorum int)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'votes', coalesce(jsonb_agg(coalesce(v.vote -> 'decided_by', v.vote -> 'by') order by v.place), '[]'),
    'missing', greatest(0, p_quorum - count(*)))
  from jsonb_array_elements(p_votes) with ordinality as v (vote, place)
  where v.vote ->> 'outcome' = p_outcome;
$$;
