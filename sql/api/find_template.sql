-- A template to make a workflow or a fork of: as get_template, for whoever may do that.
-- payload, answers, raises: as api.get_template
create function api.find_template(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return api.get_template(payload);
end;
$$;

-- Any key: what is made of it asks for the scope, and the documents of templates are the organisation's own.
insert into gateway.verbs values ('find_template', '', true);
