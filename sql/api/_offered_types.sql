-- The fields of what will come, each with its type: {field: type, or list of types, or null}. From a value, or from a JSON schema of one.
-- called by: match_agents
create function plane.offered_types(p_schema jsonb, p_input jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((
    select jsonb_object_agg(o.key, case when p_input is null then o.value -> 'type' else to_jsonb(jsonb_typeof(o.value)) end)
    from jsonb_each(case
      when jsonb_typeof(p_input) = 'object' then p_input
      when p_input is null and jsonb_typeof(p_schema -> 'properties') = 'object' then p_schema -> 'properties'
      else '{}' end) as o
  ), '{}');
end;
$$;
