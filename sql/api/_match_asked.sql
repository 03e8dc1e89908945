-- What a need asks for, word by word, with the words of agents that answer it: the same one, or those that look like it.
-- df: how many agents say the very word; rarer ones count more (rarity = 1 / ln(e + df)).
-- called by: match_agents · uses: agent_terms_pkey
create function plane.match_asked(p_need jsonb)
returns table (kind text, asked text, term text, likeness real, rarity double precision)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  with wanted as (
    select distinct on (w.kind, w.word) w.kind, w.word
    from (
      select 'skill' as kind, plane.slug(s) as word from jsonb_array_elements_text(p_need -> 'skills') as s
      union all
      select 'tag', plane.slug(t) from jsonb_array_elements_text(p_need -> 'tags') as t
      union all
      select 'word', left(unnest(plane.stems(p_need ->> 'need')), 100)
      union all
      select 'field', left(jsonb_object_keys(case
        when jsonb_typeof(p_need -> 'input') = 'object' then p_need -> 'input'
        when jsonb_typeof(p_need -> 'input_schema' -> 'properties') = 'object' then p_need -> 'input_schema' -> 'properties'
        else '{}' end), 100)
    ) as w
    where w.word <> ''
  ), known as materialized (
    select w.kind, w.word, (
      select count(*)
      from plane.agent_terms as t
      where t.org_id = plane.caller_org() and t.kind = w.kind and t.term = w.word) as df
    from wanted as w
  )
  select k.kind, k.word, alike.term, alike.likeness, 1 / ln(exp(1.0) + k.df)::double precision
  from known as k
  left join lateral (
    select k.word as term, 1.0::real as likeness where k.df > 0
    union all
    select s.term, s.likeness
    from plane.similar_terms(k.kind, k.word) as s
    where s.term <> k.word and (k.df = 0 or k.kind = 'skill') and k.kind <> 'field'
  ) as alike on true;
end;
$$;
