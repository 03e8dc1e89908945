-- Lifts a budget. · payload: {id} · answers: null · raises: 404 budget_not_found
create function api.delete_budget(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before constant jsonb := api.list_budgets(jsonb_build_object('id', payload -> 'id')) -> 'data' -> 0;
begin
  delete from plane.budgets where org_id = plane.caller_org() and id = (payload ->> 'id')::uuid;
  perform plane.record_audit('delete_budget', 'budgets', payload ->> 'id', '{}', v_before - 'state', null);
  return null;
end;
$$;

insert into gateway.verbs values ('delete_budget', 'limits:manage', false);
