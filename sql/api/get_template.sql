-- A template of the organisation with its definition, its newest version or the given one, its versions, and how it stands.
-- payload: {name, version?, builtin?: the plane's own template of that name} · answers: the template
-- raises: 404 template_not_found
create function api.get_template(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_template plane.templates;
begin
  if nullif(payload -> 'builtin', 'null') is not null then
    return payload -> 'builtin' || plane.template_standing(payload ->> 'name')
      || jsonb_build_object('versions', jsonb_build_array(payload -> 'builtin' -> 'version'));
  end if;
  select * into v_template
  from plane.templates
  where org_id = plane.caller_org() and name = payload ->> 'name'
    and (payload ->> 'version' is null or version = (payload ->> 'version')::int)
  order by version desc
  limit 1;
  if not found then
    perform plane.raise_error(404, 'template_not_found',
      format('There is no template %s%s.', payload ->> 'name', coalesce(' of version ' || (payload ->> 'version'), '')),
      'List them with GET /api/templates.');
  end if;
  return plane.template_json(v_template, true) || plane.template_standing(v_template.name) || jsonb_build_object('versions', (
    select jsonb_agg(version order by version desc)
    from plane.templates
    where org_id = plane.caller_org() and name = v_template.name));
end;
$$;

insert into gateway.verbs values ('get_template', 'templates:read', true);
