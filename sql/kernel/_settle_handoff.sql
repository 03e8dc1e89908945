-- Answers the wait of a hand-off that has ended: with its output, or as failed. Answers the doorbells. The caller holds the frame.
create function plane._settle_handoff(p_handoff plane.handoffs)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_done constant boolean := p_handoff.status = 'completed';
  v_frame   text;
begin
  if p_handoff.wait_token is null or p_handoff.status not in ('completed', 'rejected', 'dead') then
    return '[]';
  end if;
  select frame into v_frame from plane.waits where execution_id = p_handoff.execution_id and token = p_handoff.wait_token;
  if plane._answer_wait(p_handoff.execution_id, p_handoff.wait_token,
    case when v_is_done then 'answered' else 'failed' end,
    case when v_is_done then coalesce(p_handoff.output_data, 'null') else jsonb_build_object(
      'code', 'handoff_' || p_handoff.status, 'message', p_handoff.error ->> 'message', 'handoff_id', p_handoff.id) end)
  then
    return plane._wake(p_handoff.execution_id, v_frame);
  end if;
  return '[]';
end;
$$;
