-- How well what is offered fits the input of one of an agent's skills: the share of the required fields that are there with the right
-- type (of all its fields, when it requires none), less the fields that it refuses. The best skill counts; 0.5 when none has a schema.
-- p_offered: a JSON schema of what will come · p_input: a value that will come. Looks at the top level only.
-- called by: match_agents
create function plane.schema_fit(p_skills jsonb, p_offered jsonb, p_input jsonb)
returns double precision
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_best   double precision;
  v_fit    double precision;
  v_schema jsonb;
  v_fields jsonb;
  v_wanted text[];
begin
  for v_schema in select s -> 'input_schema' from jsonb_array_elements(p_skills) as s where jsonb_typeof(s -> 'input_schema') = 'object' loop
    v_fields := case jsonb_typeof(v_schema -> 'properties') when 'object' then v_schema -> 'properties' else '{}' end;
    v_wanted := case
      when jsonb_typeof(v_schema -> 'required') = 'array' and v_schema -> 'required' <> '[]'
        then array(select distinct jsonb_array_elements_text(v_schema -> 'required'))
      else array(select jsonb_object_keys(v_fields)) end;
    with offered as (
      select o.key, case when p_input is null then o.value -> 'type' else to_jsonb(jsonb_typeof(o.value)) end as type
      from jsonb_each(case
        when jsonb_typeof(p_input) = 'object' then p_input
        when p_input is null and jsonb_typeof(p_offered -> 'properties') = 'object' then p_offered -> 'properties'
        else '{}' end) as o
    ), met as (
      select count(o.key) filter (where plane.type_fits(v_fields -> w -> 'type', o.type)) as fields
      from unnest(v_wanted) as w
      left join offered as o on o.key = w
    ), refused as (
      select count(*) filter (where v_schema -> 'additionalProperties' = 'false' and not v_fields ? o.key) as fields
      from offered as o
    )
    select case when cardinality(v_wanted) + r.fields = 0 then 1.0 else m.fields / (cardinality(v_wanted) + r.fields)::double precision end
    into v_fit
    from met as m, refused as r;
    v_best := greatest(v_best, v_fit);
  end loop;
  return coalesce(v_best, 0.5);
end;
$$;
