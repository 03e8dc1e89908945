-- What the adopter of a parent gets to know, while it still holds it. Nothing was adopted without p_ref.
create function plane._adopted(p_frame plane.frames, p_ref text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane._claimed(parent, (
    select jsonb_build_array(v.content_hash)
    from plane.executions as e
    join plane.workflow_versions as v on v.id = e.version_id
    where e.id = p_frame.execution_id))
  from plane.frames as parent
  where parent.execution_id = p_frame.parent_execution_id and parent.frame = p_frame.parent_frame
    and parent.claim_ref = p_ref and parent.status = 'running';
$$;
