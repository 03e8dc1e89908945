-- The caller's delivery of this id.
-- raises: 404 delivery_not_found
create function plane.find_delivery(p_id uuid)
returns plane.webhook_deliveries
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_delivery plane.webhook_deliveries;
begin
  select * into v_delivery from plane.webhook_deliveries where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'delivery_not_found', format('There is no delivery %s.', p_id),
      'List the deliveries: what ended 30 days ago is deleted.',
      '{"next": [{"why": "list the deliveries", "method": "GET", "path": "/api/webhooks/deliveries"}]}');
  end if;
  return v_delivery;
end;
$$;
