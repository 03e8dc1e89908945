-- How many milliseconds a step took. What waited for people, time, events or a child is counted from the opening of its first wait.
create function plane.step_duration(p_step plane.checkpoints)
returns numeric
language sql
stable
set search_path = ''
as $$
  select case
    when p_step.duration_ms = 0 and p_step.details ? 'started_at' then
      round(1000 * extract(epoch from p_step.ended_at - least(p_step.ended_at, (p_step.details ->> 'started_at')::timestamptz)), 3)
    when p_step.duration_ms > 0 or p_step.kind not in ('approval', 'wait', 'workflow') then p_step.duration_ms
    else coalesce((
      select round(1000 * extract(epoch from p_step.ended_at - min(w.opened_at)), 3)
      from plane.waits as w
      where w.execution_id = p_step.execution_id and w.gen = p_step.gen and w.path = p_step.path
    ), 0)
  end;
$$;
