-- Adds to the end of a list, atomically; a key that is not there counts as empty. Keeps the expiry unless a new one is given.
-- payload: {component, key, value, max_length?: keep only so many, the last ones, agent_id?, expires_in_seconds? | expires_at?,
--           if_version?, if_match?}
-- answers: the value, and is_created
-- raises: 409 state_not_a_list, and what put_state raises
create function api.append_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_max    constant int := (payload ->> 'max_length')::int;
  v_old    plane.state;
  v_list   jsonb;
  v_answer jsonb;
begin
  while v_answer is null loop
    v_old := plane.match_state(payload);
    if jsonb_typeof(v_old.value) <> 'array' then
      perform plane.raise_error(409, 'state_not_a_list',
        format('%s/%s holds a JSON %s, not a list.', v_old.component, v_old.key, jsonb_typeof(v_old.value)),
        'Store a list first, or use another key.');
    end if;
    v_list := coalesce(v_old.value, '[]') || jsonb_build_array(coalesce(payload -> 'value', 'null'));
    if v_max < jsonb_array_length(v_list) then
      v_list := (
        select jsonb_agg(e.item order by e.place)
        from jsonb_array_elements(v_list) with ordinality as e (item, place)
        where e.place > jsonb_array_length(v_list) - v_max);
    end if;
    v_answer := plane.write_state(payload, v_old, v_list, 'append_state', true);
  end loop;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('append_state', 'state:write', false);
