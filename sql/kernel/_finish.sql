-- Ends a frame, or lets it drain while anything lives below it. Answers {status, due, draining, adopted_ref}.
--
-- Draining: what is below is asked to stop; the frame waits, is due again in a second and finishes then; after 10 s what is
-- left below is fenced. How it ended is kept: no deadline or cancel in that time changes it. The root's end is the execution's end.
-- The caller holds the frame and what is deeper.
create function plane._finish(p_frame plane.frames, p_finish jsonb, p_lease_seconds numeric)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_live   int;
  v_due    jsonb := '[]';
  v_parent jsonb := '{}';
begin
  select count(*) into v_live from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame);
  if v_live > 0 and p_frame.cancel_grace_until <= plane.clock() then
    v_live := plane._fence_below(p_frame);
  elsif v_live > 0 then
    v_due := plane._cancel_below(p_frame);
  end if;
  if v_live > 0 then
    update plane.frames
    set cancel_grace_until = coalesce(cancel_grace_until, plane.clock() + interval '10 seconds')
    where execution_id = p_frame.execution_id and frame = p_frame.frame;
    return jsonb_build_object('status', 'waiting', 'due', v_due, 'draining', v_live, 'finish', p_finish);
  end if;

  perform plane._close_waits_of(p_frame.execution_id, p_frame.frame);
  if p_frame.frame = '' then
    perform plane._end_executions(array[p_frame.execution_id], array[p_finish]);
  end if;
  if p_frame.parent_token is not null then
    v_parent := plane._count_down(p_frame, p_finish, p_lease_seconds);
  end if;
  return jsonb_build_object('status', 'done', 'due', v_due, 'draining', 0) || v_parent;
end;
$$;
