-- Locks the caller's value, when there is one that has not expired, and compares it with what the caller expects.
--
-- payload: {component, key, if_version?: 0 means that there is none, if_match?: an ETag, * means that there is one,
-- fencing_token?: of the lock of that name}
-- Gives null when there is none. The lock orders writers of one key that exists; two that make it at once meet in the
-- primary key. Called by the verbs that write state. Raises 409 state_version_conflict ·
-- 412 precondition_failed · 422 invalid_input, and what plane.require_lock raises.
create function plane.match_state(payload jsonb)
returns plane.state
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_expected constant bigint := (payload ->> 'if_version')::bigint;
  v_tag      constant text := payload ->> 'if_match';
  v_state    plane.state;
  v_version  bigint := 0;
begin
  perform plane.check_state_key(payload);
  perform plane.require_lock(payload);
  select * into v_state
  from plane.state
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
  for update;
  if v_state.expires_at <= plane.clock() then
    v_state := null;
  end if;
  v_version := coalesce(v_state.version, 0);

  if v_expected <> v_version then
    perform plane.raise_error(409, 'state_version_conflict',
      format('Expected version %s of %s/%s, the current one is %s.', v_expected, payload ->> 'component', payload ->> 'key', v_version),
      'Read it again, apply your change, and send if_version with the version that you read.',
      jsonb_build_object('expected_version', v_expected, 'current_version', v_version));
  end if;
  if v_tag is not null
    and (v_version = 0 or v_tag not in ('*', plane.state_etag(v_state.version, v_state.updated_at))) then
    perform plane.raise_error(412, 'precondition_failed',
      format('%s/%s is not the one that If-Match names; its version is %s.', payload ->> 'component', payload ->> 'key', v_version),
      'Read it again and send the ETag of that answer.', jsonb_build_object('current_version', v_version));
  end if;
  return v_state;
end;
$$;
