-- An event trigger as the API shows it.
create function plane.trigger_json(p_trigger plane.event_triggers)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_trigger.id,
    'name', p_trigger.name,
    'event', p_trigger.event,
    'match', p_trigger.match,
    'target', p_trigger.target,
    'enabled', p_trigger.is_enabled,
    'created_by', p_trigger.created_by,
    'created_at', p_trigger.created_at,
    'updated_at', p_trigger.updated_at);
end;
$$;
