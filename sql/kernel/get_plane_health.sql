-- How the whole plane is, without a word about any organisation. Walks the index of what is due, so it is cheap at any size.
--
-- p: {} · answers {overdue: frames that are due, at most 1000, oldest_due_seconds: null when nothing is due,
--                  chores: [{name, ran_seconds_ago, took_ms, failures}], database: its version}
create function plane.get_plane_health(p jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_next constant timestamptz := plane._next_due();
begin
  return jsonb_build_object(
    'overdue', (select count(*) from plane._overdue(1000, 1000)),
    'oldest_due_seconds', case when v_next <= plane.clock() then round(extract(epoch from plane.clock() - v_next))::int end,
    'chores', coalesce((
      select jsonb_agg(jsonb_build_object(
        'name', c.name,
        'ran_seconds_ago', round(extract(epoch from plane.clock() - c.ran_at))::int,
        'took_ms', c.took_ms,
        'failures', c.failures) order by c.name)
      from gateway.chore_runs as c), '[]'),
    'database', current_setting('server_version'));
end;
$$;

alter function plane.get_plane_health(jsonb) owner to plane_kernel;
