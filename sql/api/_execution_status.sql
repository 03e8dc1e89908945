-- The status as callers see it: a running execution is queued until somebody claimed it, and waiting while all its frames are parked.
-- An external one stays running until it is reported ended.
create function plane.execution_status(p_execution plane.executions)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_execution.status <> 'running' or p_execution.mode = 'external' then p_execution.status
    else coalesce((
      select case
        when bool_or(f.status = 'running') then 'running'
        when bool_and(f.status = 'ready' and f.seq = 0 and f.stall = 0) then 'queued'
        when bool_or(f.status = 'ready') then 'running'
        else 'waiting'
      end
      from plane.frames as f
      where f.execution_id = p_execution.id and f.status <> 'done'
    ), 'running')
  end;
$$;
