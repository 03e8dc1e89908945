-- Withdraws a template with all its versions; workflows that were made of it stay.
-- payload: {name} · answers: {withdrawn: how many versions} · raises: 404 template_not_found
create function api.withdraw_template(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from plane.templates where org_id = plane.caller_org() and name = payload ->> 'name';
  get diagnostics v_count = row_count;
  if v_count = 0 then
    perform plane.raise_error(404, 'template_not_found', format('There is no template %s of yours.', payload ->> 'name'),
      'List them with GET /api/templates.');
  end if;
  perform plane.record_audit('withdraw_template', 'templates', payload ->> 'name', jsonb_build_object('versions', v_count));
  return jsonb_build_object('withdrawn', v_count);
end;
$$;

insert into gateway.verbs values ('withdraw_template', 'templates:write', false);
