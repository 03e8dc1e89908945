-- The waits of a frame that still matter: their path has no record in this gen. p_answered: only the answered ones.
create function plane._list_waits(p_frame plane.frames, p_answered boolean)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(plane._wait_row(w) order by w.opened_at, w.token), '[]')
  from plane.waits as w
  where w.execution_id = p_frame.execution_id and w.frame = p_frame.frame and w.gen = p_frame.gen
    and (w.answered_at is not null or not p_answered)
    and not exists (
      select from plane.checkpoints as c
      where c.execution_id = w.execution_id and c.gen = w.gen and c.path = w.path);
$$;
