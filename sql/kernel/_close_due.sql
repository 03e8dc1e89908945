-- Closes the waits of a frame whose deadline has passed, as timed_out. Whether there were any.
-- What people were asked and what was handed over closes with them. The caller holds the frame.
create function plane._close_due(p_execution_id uuid, p_frame text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := plane.clock();
  v_closed int;
  v_asked  plane.waits[];
  v_wait   plane.waits;
begin
  with closed as (
    update plane.waits
    set answered_at = v_now, outcome = 'timed_out'
    where execution_id = p_execution_id and frame = p_frame and answered_at is null and deadline <= v_now
    returning *
  ), noted as (
    insert into plane.events (org_id, execution_id, type, path, data)
    select org_id, p_execution_id, 'wait.answered', path, jsonb_build_object('kind', kind, 'token', token, 'outcome', 'timed_out')
    from closed
  )
  select count(*), array_agg(c) filter (where c.kind in ('approval', 'budget', 'unknown', 'handoff')) into v_closed, v_asked from closed as c;
  foreach v_wait in array coalesce(v_asked, '{}') loop
    perform plane._close_asked(v_wait);
  end loop;

  update plane.frames
  set
    has_answers = has_answers or v_closed > 0,
    wait_deadline = (
      select min(w.deadline)
      from plane.waits as w
      where w.execution_id = p_execution_id and w.frame = p_frame and w.answered_at is null)
  where execution_id = p_execution_id and frame = p_frame;
  return v_closed > 0;
end;
$$;
