-- Tells a frame that one of its waits was answered: a waiting one becomes ready, a running owner learns it with its next call.
-- Answers the doorbell, also of a running one: a dispatcher that runs it itself makes that call at once, others are told busy.
-- The caller holds the frame.
create function plane._wake(p_execution_id uuid, p_frame text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
begin
  update plane.frames
  set
    has_answers = true,
    status = case when status = 'waiting' then 'ready' else status end,
    due_at = case when status = 'waiting' then plane.clock() + interval '2 seconds' else due_at end
  where execution_id = p_execution_id and frame = p_frame and status <> 'done'
  returning * into v_frame;
  if v_frame.status in ('ready', 'running') then
    return jsonb_build_array(plane._doorbell(v_frame));
  end if;
  return '[]';
end;
$$;
