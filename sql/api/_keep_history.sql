-- Keeps a version of state that no longer counts. About a megabyte is kept of a key: the last 100 versions, fewer of large ones.
-- p_ended_by: replaced | deleted | expired · Called by the verbs that write state, which hold the row.
create function plane.keep_history(p_state plane.state, p_ended_at timestamptz, p_ended_by text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept constant int := greatest(3, least(100, 1000000 / octet_length(p_state.value::text)));
begin
  insert into plane.state_history
    (org_id, component, key, version, value, agent_id, created_at, updated_at, ended_at, ended_by)
  values (
    p_state.org_id, p_state.component, p_state.key, p_state.version, p_state.value, p_state.agent_id,
    p_state.created_at, p_state.updated_at, p_ended_at, p_ended_by);
  if p_state.version > v_kept then
    delete from plane.state_history
    where org_id = p_state.org_id and component = p_state.component and key = p_state.key
      and version <= p_state.version - v_kept;
  end if;
end;
$$;
