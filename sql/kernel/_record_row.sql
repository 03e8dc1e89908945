-- A record as the owner of a frame sees it: its output, or output_ref when the body did not come along.
create function plane._record_row(p_checkpoint plane.checkpoints, p_body jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'path', p_checkpoint.path,
    'parent', p_checkpoint.parent,
    'kind', p_checkpoint.kind,
    'status', p_checkpoint.status,
    'output', coalesce(p_checkpoint.output, p_body),
    'error', p_checkpoint.error,
    'details', p_checkpoint.details,
    'attempts', p_checkpoint.attempts,
    'cost_usd', p_checkpoint.cost_usd)
  || case
    when p_body is null and p_checkpoint.output_ref is not null
      then jsonb_build_object('output_ref', encode(p_checkpoint.output_ref, 'hex'))
    else '{}'
  end;
end;
$$;
