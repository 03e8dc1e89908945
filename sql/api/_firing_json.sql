-- What became of a time of a schedule, as the API shows it.
create function plane.firing_json(p_firing plane.schedule_firings)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_firing.id,
    'schedule_id', p_firing.schedule_id,
    'fire_at', p_firing.fire_at,
    'manual', p_firing.is_manual,
    'outcome', p_firing.outcome,
    'reason', p_firing.reason,
    'count', p_firing.count,
    'until', p_firing.until,
    'error', p_firing.error,
    'execution_id', p_firing.execution_id,
    'created_at', p_firing.created_at);
end;
$$;
