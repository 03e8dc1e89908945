-- Answers a child's wait as failed, because it cannot be started. The owner learns it with the answer to its checkpoint.
create function plane._refuse_child(p_frame plane.frames, p_token text, p_code text, p_ref text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane._answer_wait(p_frame.execution_id, p_token, 'failed', jsonb_build_object(
    'code', p_code,
    'message', case p_code
      when 'workflow_not_found' then format('There is no workflow %s.', p_ref)
      when 'not_runnable' then format('%s is a markdown runbook; the engine does not run it.', p_ref)
      when 'depth_exceeded' then 'Workflows call each other more than 10 levels deep.'
      else format('The child execution of %s exists already.', p_ref)
    end));
  update plane.waits set pending = 0 where execution_id = p_frame.execution_id and token = p_token;
  perform plane._wake(p_frame.execution_id, p_frame.frame);
  return '[]';
end;
$$;
