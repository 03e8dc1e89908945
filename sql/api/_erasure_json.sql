-- An erasure as the API answers it.
create function plane.erasure_json(p_erasure plane.erasures)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_erasure.id,
    'kind', p_erasure.kind,
    'subject', p_erasure.subject,
    'label', p_erasure.label,
    'status', case when p_erasure.finished_at is null then 'running' else 'finished' end,
    'requested_by', p_erasure.requested_by,
    'requested_at', p_erasure.requested_at,
    'finished_at', p_erasure.finished_at,
    'row_count', p_erasure.row_count);
end;
$$;
