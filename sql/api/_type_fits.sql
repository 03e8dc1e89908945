-- Whether a type of JSON schema may stand where another is wanted; either may be a list, or nothing, which fits.
-- called by: schema_fit
create function plane.type_fits(p_wanted jsonb, p_offered jsonb)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_wanted = p_offered or coalesce(jsonb_typeof(p_wanted), 'null') not in ('string', 'array')
    or coalesce(jsonb_typeof(p_offered), 'null') not in ('string', 'array') then
    return true;
  end if;
  return exists (
    select
    from jsonb_array_elements_text(case jsonb_typeof(p_wanted) when 'array' then p_wanted else jsonb_build_array(p_wanted) end) as w,
      jsonb_array_elements_text(case jsonb_typeof(p_offered) when 'array' then p_offered else jsonb_build_array(p_offered) end) as o
    where o = w or (o = 'integer' and w = 'number') or (o = 'number' and w = 'integer'));
end;
$$;
