-- A wait as the owner of its frame sees it.
create function plane._wait_row(p_wait plane.waits)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'token', p_wait.token,
    'kind', p_wait.kind,
    'path', p_wait.path,
    'name', p_wait.name,
    'data', p_wait.data,
    'answered', p_wait.answered_at is not null,
    'outcome', p_wait.outcome,
    'payload', p_wait.payload,
    'deadline_in_ms', plane._ms_until(p_wait.deadline));
end;
$$;
