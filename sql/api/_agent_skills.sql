-- An agent's capabilities in one shape: words become skills, and both spellings of the schemas of their input and output are read.
-- answers: [{id, name, description, tags: [text], input_schema, output_schema}]; what is not said is null
create function plane.agent_skills(p_capabilities jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((
    select jsonb_agg(
      case jsonb_typeof(c.value)
        when 'object' then jsonb_build_object(
          'id', coalesce(c.value ->> 'id', plane.slug(c.value ->> 'name')),
          'name', coalesce(c.value ->> 'name', c.value ->> 'id'),
          'description', c.value -> 'description',
          'tags', case when jsonb_typeof(c.value -> 'tags') = 'array' then c.value -> 'tags' else '[]' end,
          'input_schema', coalesce(c.value -> 'input_schema', c.value -> 'inputSchema'),
          'output_schema', coalesce(c.value -> 'output_schema', c.value -> 'outputSchema'))
        else jsonb_build_object(
          'id', plane.slug(c.value #>> '{}'),
          'name', c.value #>> '{}',
          'description', null,
          'tags', '[]'::jsonb,
          'input_schema', null,
          'output_schema', null)
      end
      order by c.place)
    from jsonb_array_elements(case when jsonb_typeof(p_capabilities) = 'array' then p_capabilities else '[]' end)
      with ordinality as c (value, place)
    where jsonb_typeof(c.value) in ('object', 'string')
  ), '[]');
end;
$$;
