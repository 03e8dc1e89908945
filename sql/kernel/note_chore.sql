-- Notes that a chore of the plane was done, or that it failed.
-- p: {name, took_ms, has_failed} · answers {} · called by: whoever does chores, at most every few seconds for a chore
create function plane.note_chore(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_has_failed constant boolean := coalesce((p ->> 'has_failed')::boolean, false);
begin
  insert into gateway.chore_runs as c (name, ran_at, took_ms, failed_at, failures)
  values (p ->> 'name', plane.clock(), (p ->> 'took_ms')::int, case when v_has_failed then plane.clock() end, v_has_failed::int)
  on conflict (name) do update
  set
    ran_at = greatest(c.ran_at, excluded.ran_at),
    took_ms = excluded.took_ms,
    failed_at = coalesce(excluded.failed_at, c.failed_at),
    failures = case when v_has_failed then c.failures + 1 else 0 end;
  return '{}';
end;
$$;

alter function plane.note_chore(jsonb) owner to plane_kernel;
