-- Whether a type of JSON schema may stand where another is wanted; either may be a list, or nothing, which fits.
create function plane.type_fits(p_wanted jsonb, p_offered jsonb)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wanted  constant jsonb := case jsonb_typeof(p_wanted) when 'array' then p_wanted when 'string' then jsonb_build_array(p_wanted) end;
  v_offered constant jsonb := case jsonb_typeof(p_offered) when 'array' then p_offered when 'string' then jsonb_build_array(p_offered) end;
begin
  return v_wanted is null or v_offered is null or exists (
    select from jsonb_array_elements_text(v_offered) as o, jsonb_array_elements_text(v_wanted) as w
    where o = w or (o = 'integer' and w = 'number') or (o = 'number' and w = 'integer'));
end;
$$;
