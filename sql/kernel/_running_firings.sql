-- The executions of a schedule that have not ended; notes which have.
create function plane._running_firings(p_schedule_id uuid)
returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update plane.schedule_firings as f
  set is_open = false
  where f.schedule_id = p_schedule_id and f.is_open
    and not exists (select from plane.executions as e where e.id = f.execution_id and e.status = 'running');
  return array(select f.execution_id from plane.schedule_firings as f where f.schedule_id = p_schedule_id and f.is_open);
end;
$$;
