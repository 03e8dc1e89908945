-- Raises 422 invalid_outcome unless a decision's outcome is one of those that were offered (null: any text).
create function plane._require_outcome(p_payload jsonb, p_outcomes jsonb)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_allowed constant jsonb := case when jsonb_typeof(p_outcomes) = 'array' then p_outcomes else '[]' end;
begin
  if jsonb_typeof(p_payload -> 'outcome') = 'string' and (v_allowed = '[]' or v_allowed ? (p_payload ->> 'outcome')) then
    return;
  end if;
  perform plane.raise_error(422, 'invalid_outcome',
    format('The outcome must be one of %s.', case v_allowed when '[]' then 'the texts that the step expects' else v_allowed::text end),
    'Send {"outcome": ...}.', jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
      'pointer', '/payload/outcome', 'code', 'invalid_outcome', 'message', 'not one of the outcomes', 'allowed', v_allowed))));
end;
$$;
