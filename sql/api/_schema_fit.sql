-- How well what is offered fits the input of one of an agent's capabilities: the share of the required fields that are there with the
-- right type (of all its fields, when it requires none), less the fields that it refuses. The best one counts; 0.5 without a schema.
-- p_offered: as plane.offered_types gives it. Looks at the top level only.
-- called by: match_agents
create function plane.schema_fit(p_capabilities jsonb, p_offered jsonb)
returns double precision
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_best    double precision;
  v_schema  jsonb;
  v_fields  jsonb;
  v_wanted  text;
  v_met     int;
  v_all     int;
begin
  for v_schema in select coalesce(c -> 'input_schema', c -> 'inputSchema') from jsonb_array_elements(p_capabilities) as c loop
    continue when jsonb_typeof(v_schema) is distinct from 'object';
    v_fields := case jsonb_typeof(v_schema -> 'properties') when 'object' then v_schema -> 'properties' else '{}' end;
    v_met := 0;
    v_all := 0;
    for v_wanted in
      select jsonb_array_elements_text(case
        when jsonb_typeof(v_schema -> 'required') = 'array' and v_schema -> 'required' <> '[]' then v_schema -> 'required'
        else to_jsonb(array(select jsonb_object_keys(v_fields))) end)
    loop
      v_all := v_all + 1;
      if p_offered ? v_wanted and plane.type_fits(v_fields -> v_wanted -> 'type', p_offered -> v_wanted) then
        v_met := v_met + 1;
      end if;
    end loop;
    if v_schema -> 'additionalProperties' = 'false' then
      v_all := v_all + (select count(*) from jsonb_object_keys(p_offered) as o where not v_fields ? o);
    end if;
    v_best := greatest(v_best, case when v_all = 0 then 1.0 else v_met / v_all::double precision end);
  end loop;
  return coalesce(v_best, 0.5);
end;
$$;
