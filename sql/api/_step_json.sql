-- An ended step as the API answers it, without its output. What waited began when its wait was opened; an external agent may say
-- itself when it was.
create function plane.step_json(p_step plane.checkpoints)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_duration_ms constant numeric := plane.step_duration(p_step);
begin
  if p_step.path is null then
    return null;
  end if;
  return jsonb_build_object(
    'path', p_step.path, 'parent', p_step.parent, 'kind', p_step.kind, 'status', p_step.status, 'error', p_step.error,
    'attempts', case p_step.status when 'skipped' then 0 else p_step.attempts end,
    'started_at', coalesce((p_step.details ->> 'started_at')::timestamptz, p_step.ended_at - v_duration_ms * interval '1 millisecond'),
    'ended_at', coalesce((p_step.details ->> 'ended_at')::timestamptz, p_step.ended_at),
    'duration_ms', v_duration_ms,
    'usage', case when p_step.model is not null or p_step.input_tokens is not null or p_step.output_tokens is not null
      then jsonb_build_object('model', p_step.model, 'provider', p_step.provider,
        'input_tokens', p_step.input_tokens, 'output_tokens', p_step.output_tokens) end,
    'cost_usd', p_step.cost_usd::text, 'is_cost_unknown', p_step.is_cost_unknown, 'is_carried', p_step.is_carried,
    'gen', p_step.gen, 'details', coalesce(plane.with_money(p_step.details), '{}')
  );
end;
$$;
