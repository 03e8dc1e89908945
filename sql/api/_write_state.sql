-- Writes a value that was made from p_old, which plane.match_state has locked (null: there was none).
--
-- payload: {component, key, agent_id?, expires_in_seconds? | expires_at?}; p_keeps_expiry: without either, the old one stays
-- Called by the verbs that write state. Answers null when there was none and another made the key meanwhile.
-- Raises 413 state_value_too_large · 422 unknown_agent, invalid_input (it expires in the past).
create function plane.write_state(
  payload jsonb, p_old plane.state, p_value jsonb, p_action text, p_keeps_expiry boolean)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_max_bytes constant int := 262144;
  v_now       constant timestamptz := plane.clock();
  v_expires   timestamptz := coalesce(
    (payload ->> 'expires_at')::timestamptz, v_now + make_interval(secs => (payload ->> 'expires_in_seconds')::float8));
  v_version   bigint := 0;
  v_state     plane.state;
begin
  if v_expires <= v_now then
    perform plane.raise_error(422, 'invalid_input', format('/expires_at: %s is over.', plane.time_text(v_expires)),
      'Give a time to come, or delete the value.', jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
        'pointer', '/expires_at', 'code', 'out_of_range', 'message', 'The time is over.', 'hint', 'Give a time to come, or delete the value.'))));
  end if;
  if octet_length(p_value::text) > c_max_bytes then
    perform plane.raise_error(413, 'state_value_too_large',
      format('The value has %s bytes as JSON; at most %s are kept under one key.', octet_length(p_value::text), c_max_bytes),
      'Split it over several keys, or store it elsewhere and keep a reference.', jsonb_build_object('max_bytes', c_max_bytes));
  end if;
  perform plane.note_agent((payload ->> 'agent_id')::uuid);
  if p_keeps_expiry and v_expires is null then
    v_expires := p_old.expires_at;
  end if;

  if p_old.key is null then
    v_version := plane.bury_state(payload);
  end if;
  insert into plane.state as s (org_id, component, key, value, version, agent_id, expires_at, created_at, updated_at)
  values (plane.caller_org(), payload ->> 'component', payload ->> 'key', p_value, v_version + 1,
    (payload ->> 'agent_id')::uuid, v_expires, v_now, v_now)
  on conflict (org_id, component, key) do update
  set
    value = excluded.value,
    version = s.version + 1,
    agent_id = coalesce(excluded.agent_id, s.agent_id),
    expires_at = excluded.expires_at,
    updated_at = greatest(v_now, s.updated_at)
  where p_old.key is not null
  returning * into v_state;
  if not found then
    return null;
  end if;
  if p_old.key is not null then
    perform plane.keep_history(p_old, v_state.updated_at, 'replaced');
  else
    perform plane.check_quota('state_entries');
    perform plane.check_quota('state_bytes');
  end if;

  perform plane.record_audit(p_action, 'state', v_state.component || '/' || v_state.key,
    jsonb_build_object('version', v_state.version),
    case when p_old.key is not null then plane.state_json(p_old) end, plane.state_json(v_state));
  return plane.state_json(v_state) || jsonb_build_object('is_created', p_old.key is null);
end;
$$;
