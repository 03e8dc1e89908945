-- Adds to a number, atomically; a key that is not there counts as 0. Keeps the expiry unless a new one is given.
-- payload: {component, key, by? (1), agent_id?, expires_in_seconds? | expires_at?, if_version?, if_match?}
-- answers: the value, and is_created
-- raises: 409 state_not_a_number, and what put_state raises
create function api.increment_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by     constant numeric := coalesce((payload ->> 'by')::numeric, 1);
  v_old    plane.state;
  v_answer jsonb;
begin
  while v_answer is null loop
    v_old := plane.match_state(payload);
    if jsonb_typeof(v_old.value) <> 'number' then
      perform plane.raise_error(409, 'state_not_a_number',
        format('%s/%s holds a JSON %s, not a number.', v_old.component, v_old.key, jsonb_typeof(v_old.value)),
        'Store a number first, or use another key.');
    end if;
    v_answer := plane.write_state(
      payload, v_old, to_jsonb(coalesce((v_old.value #>> '{}')::numeric, 0) + v_by), 'increment_state', true);
  end loop;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('increment_state', 'state:write', false);
