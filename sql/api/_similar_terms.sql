-- Known words that look like one that nobody says: at least half of their shingles in common (Dice), the five most alike.
-- Walks the words of the organisation that begin alike, one probe of the index a word, 2000 at most.
-- called by: match_agents · uses: agent_terms_pkey
create function plane.similar_terms(p_kind text, p_term text)
returns table (term text, likeness real)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org   constant uuid := plane.caller_org();
  v_first constant text := left(p_term, 1);
  v_own   constant text[] := plane.shingles(p_term);
begin
  return query
  with recursive known (word, place) as (
    (select t.term, 1
    from plane.agent_terms as t
    where t.org_id = v_org and t.kind = p_kind and t.term >= v_first collate "C"
    order by t.term limit 1)
    union all
    select (
      select t.term
      from plane.agent_terms as t
      where t.org_id = v_org and t.kind = p_kind and t.term > k.word
      order by t.term limit 1), k.place + 1
    from known as k
    where k.word is not null and left(k.word, 1) = v_first and k.place < 2000
  )
  select k.word, round(2.0 * alike.common / (alike.own + cardinality(v_own)), 4)::real
  from known as k
  cross join lateral (
    select count(*) filter (where s = any (v_own)) as common, count(*) as own from unnest(plane.shingles(k.word)) as s
  ) as alike
  where k.word is not null and abs(char_length(k.word) - char_length(p_term)) <= 3 + char_length(p_term) / 4
    and 2.0 * alike.common >= 0.5 * (alike.own + cardinality(v_own))
  order by 2 desc, 1
  limit 5;
end;
$$;
