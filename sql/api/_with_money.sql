-- A JSON object in which every amount (a member that ends in _usd, also inside usage) is text with nine places, as money is everywhere.
-- What lies deeper is the business of whoever wrote it: it stays as it is.
-- called by: waiting_for, step_json
create function plane.with_money(p_object jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_amounts jsonb;
begin
  if jsonb_typeof(p_object) is distinct from 'object' or strpos(p_object::text, '_usd"') = 0 then
    return p_object;
  end if;
  select jsonb_object_agg(m.name, (m.value #>> '{}')::numeric(18, 9)::text) into v_amounts
  from jsonb_each(p_object) as m (name, value)
  where m.name like '%\_usd' and m.value #>> '{}' ~ '^-?\d{1,9}(\.\d+)?([eE]-\d{1,3})?$';
  return p_object || coalesce(v_amounts, '{}')
    || case when p_object ? 'usage' then jsonb_build_object('usage', plane.with_money(p_object -> 'usage')) else '{}' end;
end;
$$;
