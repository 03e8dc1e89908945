-- Votes with one more: {outcome, by | decided_by, …}. Whoever voted before has changed their mind.
create function plane._with_vote(p_votes jsonb, p_vote jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(v.vote order by v.place), '[]') || jsonb_build_array(p_vote)
  from jsonb_array_elements(p_votes) with ordinality as v (vote, place)
  where coalesce(v.vote -> 'decided_by', v.vote -> 'by') ->> 'id' is distinct from coalesce(p_vote -> 'decided_by', p_vote -> 'by') ->> 'id';
$$;
