-- Answers an event wait with the oldest signal that came before it, if there is one. Whether there was.
-- The caller holds the signal's topic and the frame.
create function plane._take_signal(p_frame plane.frames, p_token text, p_name text, p_match jsonb)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_signal plane.signals;
begin
  update plane.signals
  set taken_at = plane.clock()
  where execution_id = p_frame.execution_id and id = (
    select s.id
    from plane.signals as s
    where s.execution_id = p_frame.execution_id and s.name = p_name and s.taken_at is null and plane._has_equal(s.payload, p_match)
    order by s.id
    limit 1)
  returning * into v_signal;
  if not found then
    return false;
  end if;
  return plane._answer_wait(p_frame.execution_id, p_token, 'answered', v_signal.payload, v_signal.sent_by);
end;
$$;
