-- How many milliseconds a step took. What waited for people, time, events or a child is counted from the opening of its first wait.
-- Null for the records of groups and repetitions: they last as long as what is below them, deciding them takes no time.
create function plane.step_duration(p_step plane.checkpoints)
returns numeric
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_step.duration_ms > 0 then
    return p_step.duration_ms;
  elsif p_step.details ? 'started_at' then
    return greatest(0, round(1000 * extract(epoch from
      coalesce((p_step.details ->> 'ended_at')::timestamptz, p_step.ended_at) - (p_step.details ->> 'started_at')::timestamptz), 3));
  elsif p_step.kind in ('approval', 'wait', 'workflow', 'handoff', 'agent') then
    return coalesce((
      select round(1000 * extract(epoch from p_step.ended_at - min(w.opened_at)), 3)
      from plane.waits as w
      where w.execution_id = p_step.execution_id and w.gen = p_step.gen and w.path = p_step.path
    ), 0);
  elsif p_step.kind in ('group', 'item', 'round', 'for_each', 'loop') then
    return null;
  end if;
  return 0;
end;
$$;
