-- Deletes what has served its time, a page of each: frames ten minutes after their end, expired state and old versions of it,
-- idempotency keys after a day (those of a running execution's steps stay). Answers how many rows.
create function plane._forget(p_limit int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frames int;
  v_state  int;
  v_keys   int;
begin
  delete from plane.frames where (execution_id, frame) in (
    select execution_id, frame from plane.frames
    where status = 'done' and due_at <= plane.clock()
    limit p_limit for update skip locked);
  get diagnostics v_frames = row_count;

  v_state := plane._forget_state(p_limit);

  delete from plane.idempotency where (org_id, key_id, key) in (
    select i.org_id, i.key_id, i.key from plane.idempotency as i
    where i.created_at < plane.clock() - interval '1 day'
      and not exists (select from plane.executions as e where e.id = i.key_id and e.status = 'running')
    limit p_limit for update skip locked);
  get diagnostics v_keys = row_count;
  return v_frames + v_state + v_keys;
end;
$$;
