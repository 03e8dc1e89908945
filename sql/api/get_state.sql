-- One value that has not expired.
-- payload: {component, key, default?: the value to give when there is none, with version 0}
-- answers: the value · raises: 404 state_not_found
create function api.get_state(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_state plane.state;
begin
  select * into v_state
  from plane.state
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
    and (expires_at is null or expires_at > plane.clock());
  if found then
    return plane.state_json(v_state);
  end if;
  if payload ? 'default' then
    return jsonb_build_object('component', payload -> 'component', 'key', payload -> 'key', 'value', payload -> 'default',
      'version', 0, 'expires_at', null);
  end if;
  perform plane.raise_error(404, 'state_not_found',
    format('There is no value under %s/%s, or it has expired.', payload ->> 'component', payload ->> 'key'),
    'List the keys of the component, or store it with POST /api/state.');
  return null;
end;
$$;

insert into gateway.verbs values ('get_state', 'state:read', true);
