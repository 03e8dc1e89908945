-- Votes as everybody may see them, without what was filled in: [{outcome, by}].
create function plane._shown_votes(p_votes jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_object('outcome', v.vote -> 'outcome', 'by', v.vote -> 'decided_by') order by v.place), '[]')
  from jsonb_array_elements(p_votes) with ordinality as v (vote, place);
$$;
