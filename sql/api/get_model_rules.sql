-- What stands against calling a model for the caller's organisation, outside of an execution.
-- payload: {} · answers: {org_id, policies, budgets: those that are used up}
create function api.get_model_rules(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return plane.model_rules();
end;
$$;

insert into gateway.verbs values ('get_model_rules', '', true);
