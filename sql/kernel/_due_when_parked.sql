-- When a parked frame is due: the least of its open deadlines and the execution's, never null.
--
-- An owner that parks without an open wait, or over an answer that it was told and has not used, is looked at again in a minute.
create function plane._due_when_parked(p_frame plane.frames)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select least(
    p_frame.deadline_at,
    min(w.deadline) filter (where w.answered_at is null),
    case when count(*) filter (where w.answered_at is null) = 0 or bool_or(w.answered_at is not null)
      then plane.clock() + interval '1 minute' end)
  from plane.waits as w
  where w.execution_id = p_frame.execution_id and w.frame = p_frame.frame and w.gen = p_frame.gen
    and (w.answered_at is null or (
      w.kind not in ('budget', 'retry') and w.outcome <> 'cancelled' and not exists (
        select from plane.checkpoints as c
        where c.execution_id = w.execution_id and c.gen = w.gen and c.path in (w.path, regexp_replace(w.path, '\.[^.]*$', '')))));
$$;
