-- A template of the organisation as the API shows it. Without p_whole the definition is left out.
create function plane.template_json(p_template plane.templates, p_whole boolean)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'name', p_template.name,
    'version', p_template.version,
    'title', p_template.title,
    'description', p_template.description,
    'tags', to_jsonb(p_template.tags),
    'is_builtin', false,
    'lineage', p_template.lineage,
    'published_by', p_template.published_by,
    'created_at', p_template.created_at)
    || case when p_whole then jsonb_build_object('definition', p_template.definition) else '{}' end;
end;
$$;
