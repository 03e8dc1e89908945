-- Rates a template from 1 to 5 stars; the same caller again replaces its rating. A template of the plane is named by is_builtin.
-- payload: {name, stars, comment?, is_builtin} · answers: how it stands · raises: 404 template_not_found
create function api.rate_template(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not (payload ->> 'is_builtin')::boolean
    and not exists (select from plane.templates where org_id = plane.caller_org() and name = payload ->> 'name') then
    perform plane.raise_error(404, 'template_not_found', format('There is no template %s.', payload ->> 'name'),
      'List them with GET /api/templates.');
  end if;
  insert into plane.template_ratings as r (org_id, template, rater_id, rated_by, stars, comment)
  values (plane.caller_org(), payload ->> 'name', (plane.caller_actor() ->> 'id')::uuid, plane.caller_actor(),
    (payload ->> 'stars')::smallint, payload ->> 'comment')
  on conflict (org_id, template, rater_id) do update
  set stars = excluded.stars, comment = excluded.comment, rated_by = excluded.rated_by, updated_at = plane.clock();
  perform plane.record_audit('rate_template', 'templates', payload ->> 'name', jsonb_build_object('stars', payload -> 'stars'));
  return plane.template_standing(payload ->> 'name');
end;
$$;

insert into gateway.verbs values ('rate_template', 'templates:write', false);
