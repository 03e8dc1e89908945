-- The caller's webhook of this id.
-- raises: 404 webhook_not_found
create function plane.find_webhook(p_id uuid)
returns plane.webhooks
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_webhook plane.webhooks;
begin
  select * into v_webhook from plane.webhooks where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'webhook_not_found', format('There is no webhook %s.', p_id), 'List the webhooks.',
      '{"next": [{"why": "list the webhooks", "method": "GET", "path": "/api/webhooks"}]}');
  end if;
  return v_webhook;
end;
$$;
