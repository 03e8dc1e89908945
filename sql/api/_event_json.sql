-- What happened as the API answers it: {at, type, path, name, data}, from an ended step or from an event, whichever is there.
create function plane.event_json(p_step plane.checkpoints, p_event plane.events)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_data jsonb := p_event.data;
begin
  if p_step.path is not null then
    v_data := jsonb_strip_nulls(jsonb_build_object(
      'kind', p_step.kind, 'gen', p_step.gen, 'attempts', case p_step.status when 'skipped' then 0 else p_step.attempts end,
      'duration_ms', plane.step_duration(p_step),
      'error', p_step.error, 'reason', p_step.details -> 'reason', 'model', p_step.model, 'input_tokens', p_step.input_tokens,
      'output_tokens', p_step.output_tokens, 'cost_usd', p_step.cost_usd::text,
      'is_cost_unknown', nullif(p_step.is_cost_unknown, false)));
    if p_step.status = 'succeeded' and p_step.output is not null then
      v_data := v_data || jsonb_build_object('output', p_step.output);
    end if;
    return jsonb_build_object('at', p_step.ended_at, 'type', 'step.' || p_step.status, 'path', p_step.path, 'name', null, 'data', v_data);
  end if;

  if p_event.type = 'wait.opened' then
    v_data := v_data || coalesce((
      select jsonb_strip_nulls(jsonb_build_object('message', w.data -> 'message'))
      from plane.waits as w
      where w.execution_id = p_event.execution_id and w.token = p_event.data ->> 'token'
    ), '{}');
  end if;
  return jsonb_build_object('at', p_event.at, 'type', p_event.type, 'path', p_event.path, 'name', p_event.name, 'data', v_data);
end;
$$;
