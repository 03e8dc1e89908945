-- Locks the frame whose step waits for a hand-off. p_is_patient: wait for who has it; otherwise answers false when somebody does.
create function plane._hold_frame_of_handoff(p_handoff plane.handoffs, p_is_patient boolean default true)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame text;
begin
  select frame into v_frame from plane.waits where execution_id = p_handoff.execution_id and token = p_handoff.wait_token;
  if p_is_patient then
    perform from plane.frames where execution_id = p_handoff.execution_id and frame = v_frame for no key update;
    return true;
  end if;
  perform from plane.frames where execution_id = p_handoff.execution_id and frame = v_frame for no key update skip locked;
  return found or not exists (select from plane.frames where execution_id = p_handoff.execution_id and frame = v_frame);
end;
$$;
