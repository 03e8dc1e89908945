-- Raises 404 escalation_not_found. Called by the kernel's functions and by api.get_escalation.
create function plane.raise_no_escalation(p_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.raise_error(404, 'escalation_not_found', format('There is no escalation %s.', p_id), 'List those that are open.',
    jsonb_build_object('next', jsonb_build_array(
      jsonb_build_object('why', 'list the open ones, the urgent first', 'method', 'GET', 'path', '/api/escalations?status=open'))));
end;
$$;
