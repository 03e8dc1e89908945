-- One escalation with its comments.
-- payload: {id} · raises: 404 escalation_not_found
create function api.get_escalation(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$$;

insert into gateway.verbs values ('get_escalation', 'escalations:read', true);
