-- JSON in which a person is called something else: wherever their address stands, and as the label of whoever has their id.
-- Called by gateway._erase_person.
create function gateway._without_names(p_value jsonb, p_user uuid, p_names text[], p_label text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text;
  v_name text;
begin
  case jsonb_typeof(p_value)
    when 'object' then
      return coalesce((
        select jsonb_object_agg(e.key, case
          when e.key in ('label', 'email') and jsonb_typeof(e.value) = 'string' and p_user::text in (p_value ->> 'id', p_value ->> 'user_id')
            then to_jsonb(p_label)
          else gateway._without_names(e.value, p_user, p_names, p_label) end)
        from jsonb_each(p_value) as e), '{}');
    when 'array' then
      return coalesce((
        select jsonb_agg(gateway._without_names(e.value, p_user, p_names, p_label) order by e.n)
        from jsonb_array_elements(p_value) with ordinality as e (value, n)), '[]');
    when 'string' then
      v_text := p_value #>> '{}';
      foreach v_name in array p_names loop
        if position(v_name in lower(v_text)) > 0 then
          v_text := regexp_replace(v_text, regexp_replace(v_name, '([^[:alnum:]@_])', '\\\1', 'g'), p_label, 'gi');
        end if;
      end loop;
      return to_jsonb(v_text);
    else
      return p_value;
  end case;
end;
$$;
