-- Raises 422 invalid_outcome unless a decision's outcome is one of those that were offered (null: any text).
create function plane._require_outcome(p_payload jsonb, p_outcomes jsonb)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_allowed constant jsonb := case when jsonb_typeof(p_outcomes) = 'array' then p_outcomes else '[]' end;
  v_message text;
begin
  if jsonb_typeof(p_payload -> 'outcome') = 'string' and (v_allowed = '[]' or v_allowed ? (p_payload ->> 'outcome')) then
    return;
  end if;
  v_message := case v_allowed
    when '[]' then 'The outcome must be a text.'
    else format('The outcome must be %s.', (select string_agg(o.name, ' or ' order by o.place)
      from jsonb_array_elements_text(v_allowed) with ordinality as o (name, place))) end;
  perform plane.raise_error(422, 'invalid_outcome', v_message,
    format('Send {"outcome": "%s"}.', coalesce(v_allowed ->> 0, '…')),
    jsonb_build_object('errors', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
      'pointer', '/payload/outcome', 'code', 'invalid_outcome', 'message', v_message, 'allowed', nullif(v_allowed, '[]'))))));
end;
$$;
