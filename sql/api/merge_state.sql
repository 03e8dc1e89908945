-- Changes some fields of an object, atomically, by a JSON merge patch (RFC 7396); a key that is not there counts as {}.
-- payload: {component, key, merge: object, agent_id?, expires_in_seconds? | expires_at?, if_version?, if_match?}
-- answers: the value, and is_created
-- raises: 409 state_not_an_object, and what put_state raises
create function api.merge_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old    plane.state;
  v_answer jsonb;
begin
  while v_answer is null loop
    v_old := plane.match_state(payload);
    if jsonb_typeof(v_old.value) <> 'object' then
      perform plane.raise_error(409, 'state_not_an_object',
        format('%s/%s holds a JSON %s, not an object.', v_old.component, v_old.key, jsonb_typeof(v_old.value)),
        'Store an object first, or use another key.');
    end if;
    v_answer := plane.write_state(
      payload, v_old, plane.merge_json(coalesce(v_old.value, '{}'), payload -> 'merge'), 'merge_state', true);
  end loop;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('merge_state', 'state:write', false);
