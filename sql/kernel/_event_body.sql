-- An event as webhooks send it and triggers see it: {id, type, time, execution_id, path, data}.
create function plane.event_body(p_event plane.events)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', 'evt_' || p_event.feed_id,
    'type', plane.event_type(p_event.type, p_event.name),
    'time', plane.time_text(p_event.at),
    'execution_id', p_event.execution_id,
    'path', p_event.path,
    'data', p_event.data);
end;
$$;
