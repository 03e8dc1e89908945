-- Starts the child execution that a wait is for, or answers the wait at once as failed when it cannot be. Answers the doorbells.
--
-- p_open: {token, path, child: {execution_id, ref: name or name@version, input, budget_usd?}}
-- The id is given, so that opening it again finds the same child. The caller holds the frame.
create function plane._open_child(p_frame plane.frames, p_open jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref     constant text := p_open -> 'child' ->> 'ref';
  v_version plane.workflow_versions;
  v_child   plane.frames;
  v_code    text;
begin
  select v.* into v_version
  from plane.workflows as w
  join plane.workflow_versions as v on v.workflow_id = w.id
    and v.version = coalesce(substring(v_ref from '@(\d{1,9})$')::int, w.latest)
  where w.org_id = p_frame.org_id and w.name = regexp_replace(v_ref, '@\d{1,9}$', '');
  v_code := case
    when v_version.id is null then 'workflow_not_found'
    when v_version.document is null then 'not_runnable'
    when p_frame.depth / 2 >= 10 then 'depth_exceeded'
    when exists (select from plane.executions where id = (p_open -> 'child' ->> 'execution_id')::uuid) then 'child_exists'
  end;
  if v_code is not null then
    return plane._refuse_child(p_frame, p_open ->> 'token', v_code, v_ref);
  end if;

  v_child := plane._create_execution(
    v_version,
    jsonb_build_object(
      'id', p_open -> 'child' -> 'execution_id',
      'input', p_open -> 'child' -> 'input',
      'created_by', (select created_by from plane.executions where id = p_frame.execution_id),
      'deadline_at', p_frame.deadline_at,
      'budget_usd', plane._take_slice(p_frame.execution_id, p_frame.frame, 1,
        least((p_open -> 'child' ->> 'budget_usd')::numeric, (v_version.document -> 'limits' ->> 'budget_usd')::numeric))),
    p_frame, p_open ->> 'path', p_open ->> 'token');
  return jsonb_build_array(plane._doorbell(v_child));
end;
$$;
