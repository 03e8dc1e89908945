-- An agent's record as the API shows it. success: Wilson's lower bound, as in plane.wilson.
create function plane.record_json(p_record plane.agent_records)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'succeeded', p_record.succeeded,
    'failed', p_record.failed,
    'success', round(plane.wilson(p_record.succeeded, p_record.failed)::numeric, 4),
    'p50_seconds', round(p_record.p50_ms / 1000.0, 3),
    'mean_cost_usd', p_record.mean_usd::text,
    'last_error', p_record.last_error,
    'updated_at', p_record.updated_at);
end;
$$;
