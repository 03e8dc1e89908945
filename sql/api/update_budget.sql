-- Changes a budget. A higher limit lets paid steps and starts go on at once; the question about it, if one is open, is closed.
-- payload: {id, changes: {limit_usd?, on_reached?, warn_at?}} · answers: the budget · raises: 404 budget_not_found
create function api.update_budget(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  constant jsonb := api.list_budgets(jsonb_build_object('id', payload -> 'id')) -> 'data' -> 0;
  v_after   jsonb;
begin
  update plane.budgets
  set
    limit_usd = coalesce((v_changes ->> 'limit_usd')::numeric, limit_usd),
    on_reached = coalesce(v_changes ->> 'on_reached', on_reached),
    warn_at = case when v_changes ? 'warn_at' then (v_changes ->> 'warn_at')::numeric else warn_at end,
    -- What was found and answered was about the old limit.
    warned_on = null, reached_on = null, stopped_on = null,
    updated_at = plane.clock()
  where org_id = plane.caller_org() and id = (payload ->> 'id')::uuid;
  v_after := api.list_budgets(jsonb_build_object('id', payload -> 'id')) -> 'data' -> 0;
  perform plane.record_audit('update_budget', 'budgets', payload ->> 'id', v_changes, v_before - 'state', v_after - 'state');
  return v_after;
end;
$$;

insert into gateway.verbs values ('update_budget', 'limits:manage', false);
