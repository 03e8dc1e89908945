-- Writes an agent's words into plane.agent_terms, and takes out those that it does not say any more (all, when it was deleted).
-- Only what differs is written. called by: register_agent, update_agent, discover_agent, delete_agent
create function plane.index_agent(p_agent plane.agents)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_skills constant jsonb := case when p_agent.deleted_at is null then plane.agent_skills(p_agent.capabilities) else '[]' end;
begin
  with said as (
    select 'skill' as kind, plane.slug(said) as term, 1.0::real as weight
    from jsonb_array_elements(v_skills) as s, unnest(array[s ->> 'id', s ->> 'name']) as said
    union
    select 'tag', plane.slug(tag), 1.0::real
    from jsonb_array_elements(v_skills) as s, jsonb_array_elements_text(s -> 'tags') as tag
    union
    select 'field', left(field, 100), 1.0::real
    from jsonb_array_elements(v_skills) as s,
      jsonb_object_keys(case jsonb_typeof(s -> 'input_schema' -> 'properties')
        when 'object' then s -> 'input_schema' -> 'properties' else '{}' end) as field
    union
    select 'word', left(stem, 100), max(weight)
    from (
      select unnest(plane.stems(p_agent.name)) as stem, 1.0::real as weight
      union all
      select unnest(plane.stems(concat_ws(' ', s ->> 'id', s ->> 'name', s ->> 'tags'))), 1.0
      from jsonb_array_elements(v_skills) as s
      union all
      select unnest(plane.stems(concat_ws(' ', p_agent.description,
        (select string_agg(s ->> 'description', ' ') from jsonb_array_elements(v_skills) as s)))), 0.6
    ) as word
    where p_agent.deleted_at is null
    group by left(stem, 100)
  ), wanted as (
    select kind, term, weight from said where term <> '' order by weight desc, kind, term limit 2000
  ), forgotten as (
    delete from plane.agent_terms as t
    where t.org_id = p_agent.org_id and t.agent_id = p_agent.id
      and not exists (select from wanted as w where w.kind = t.kind and w.term = t.term)
  )
  insert into plane.agent_terms as t (org_id, kind, term, agent_id, weight)
  select p_agent.org_id, w.kind, w.term, p_agent.id, w.weight
  from wanted as w
  on conflict (org_id, kind, term, agent_id) do update set weight = excluded.weight where t.weight <> excluded.weight;
end;
$$;
