-- A page of everything that the organisation has, or of what names one of its members.
-- payload: {limit, after: {table, key} | null, user_id?} · answers: {data: [{table, row}], next: {table, key} | null}
-- raises: 404 member_not_found
create function api.export_data(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user  constant uuid := (payload ->> 'user_id')::uuid;
  v_email text;
begin
  if v_user is not null then
    select email into v_email from plane.members where org_id = plane.caller_org() and user_id = v_user;
    if not found then
      perform plane.raise_error(404, 'member_not_found', format('There is no member %s.', v_user), 'List the members.');
    end if;
    return gateway.export_page(payload || jsonb_build_object('mentions', jsonb_build_array(v_user, v_email)));
  end if;
  return gateway.export_page(payload - 'mentions');
end;
$$;

insert into gateway.verbs values ('export_data', 'data:manage', true);
