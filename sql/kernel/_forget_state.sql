-- Moves expired state into the history, deletes expired memories and interpretations, versions that ended thirty days ago,
-- and locks that have been free for as long.
create function plane._forget_state(p_limit int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before  constant timestamptz := plane.clock() - interval '30 days';
  v_state   plane.state;
  v_count   int := 0;
  v_deleted int;
begin
  for v_state in
    delete from plane.state
    where (org_id, component, key) in (
      select org_id, component, key from plane.state
      where expires_at <= plane.clock()
      limit p_limit for update skip locked)
    returning *
  loop
    perform plane.keep_history(v_state, v_state.expires_at, 'expired');
    v_count := v_count + 1;
  end loop;

  delete from plane.state_history where (org_id, component, key, version) in (
    select org_id, component, key, version from plane.state_history
    where ended_at < v_before
    limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  v_count := v_count + v_deleted;

  delete from plane.memories where id in (
    select id from plane.memories
    where expires_at <= plane.clock()
    limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  v_count := v_count + v_deleted;

  delete from plane.interpretations where (org_id, hash) in (
    select org_id, hash from plane.interpretations
    where expires_at <= plane.clock()
    limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  v_count := v_count + v_deleted;

  delete from plane.locks where (org_id, component, key) in (
    select org_id, component, key from plane.locks
    where lease_until < v_before
    limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  return v_count + v_deleted;
end;
$$;
