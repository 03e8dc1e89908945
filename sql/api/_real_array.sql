-- The numbers of a JSON list; null for null.
create function plane.real_array(p_list jsonb)
returns real[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_list) is distinct from 'array' then
    return null;
  end if;
  return array(select number::real from jsonb_array_elements_text(p_list) with ordinality as e (number, place) order by place);
end;
$$;
