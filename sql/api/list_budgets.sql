-- The organisation's budgets and how they stand, the oldest first; or one of them.
-- payload: {id?} · answers: {data: [budget]} · raises: 404 budget_not_found
create function api.list_budgets(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org  constant uuid := plane.caller_org();
  v_data jsonb;
begin
  select coalesce(jsonb_agg(plane.budget_json(b, s.state) order by b.created_at, b.id), '[]') into v_data
  from jsonb_array_elements(plane.budget_states(v_org)) as s (state)
  join plane.budgets as b on b.org_id = v_org and b.id = (s.state ->> 'id')::uuid
  where payload ->> 'id' is null or b.id = (payload ->> 'id')::uuid;
  if payload ->> 'id' is not null and v_data = '[]' then
    perform plane.raise_error(404, 'budget_not_found', format('There is no budget %s.', payload ->> 'id'), 'List the budgets.',
      '{"next": [{"why": "list the budgets", "method": "GET", "path": "/api/budgets"}]}');
  end if;
  return jsonb_build_object('data', v_data);
end;
$$;

insert into gateway.verbs values ('list_budgets', 'observe:read', true);
