-- Deletes a value.
-- payload: {component, key, if_version?, if_match?, fencing_token?} · answers: {component, key}
-- raises: 404 state_not_found, 409 state_version_conflict, 412 precondition_failed
create function api.delete_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old plane.state := plane.match_state(payload);
begin
  if v_old.key is null then
    perform plane.raise_error(404, 'state_not_found',
      format('There is no value under %s/%s, or it has expired.', payload ->> 'component', payload ->> 'key'));
  end if;
  delete from plane.state
  where org_id = v_old.org_id and component = v_old.component and key = v_old.key;
  perform plane.keep_history(v_old, plane.clock(), 'deleted');
  perform plane.record_audit('delete_state', 'state', v_old.component || '/' || v_old.key,
    jsonb_build_object('version', v_old.version), plane.state_json(v_old));
  return jsonb_build_object('component', v_old.component, 'key', v_old.key);
end;
$$;

insert into gateway.verbs values ('delete_state', 'state:write', false);
