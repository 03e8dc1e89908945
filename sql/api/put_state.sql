-- Stores a value under a component and a key, replacing what is there and its expiry.
-- payload: {component, key, value, agent_id?, expires_in_seconds? | expires_at?, if_version?, if_match?}
-- answers: the value, and is_created
-- raises: 409 state_version_conflict, 412 precondition_failed, 413 state_value_too_large, 422 unknown_agent
create function api.put_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value  constant jsonb := coalesce(payload -> 'value', 'null');
  v_answer jsonb;
begin
  while v_answer is null loop
    v_answer := plane.write_state(payload, plane.match_state(payload), v_value, 'put_state', false);
  end loop;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('put_state', 'state:write', false);
