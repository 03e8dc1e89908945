-- Publishes a template in the organisation, or its next version; the same content as the newest is that version.
-- payload: {name, title, description?, tags?, definition, lineage?} · answers: the template, and is_created
create function api.publish_template(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hash constant text := encode(sha256(convert_to(
    concat_ws(e'\n', payload ->> 'title', payload ->> 'description', payload ->> 'tags', payload ->> 'definition'), 'UTF8')), 'hex');
  v_last plane.templates;
  v_new  plane.templates;
begin
  -- Versions of one name are numbered one after the other.
  perform pg_advisory_xact_lock(hashtextextended(plane.caller_org() || '/template/' || (payload ->> 'name'), 0));
  select * into v_last
  from plane.templates
  where org_id = plane.caller_org() and name = payload ->> 'name'
  order by version desc
  limit 1;
  if v_last.content_hash = v_hash then
    return plane.template_json(v_last, true) || plane.template_standing(v_last.name) || jsonb_build_object('is_created', false);
  end if;
  insert into plane.templates (org_id, name, version, title, description, tags, definition, content_hash, lineage, published_by)
  values (
    plane.caller_org(), payload ->> 'name', coalesce(v_last.version, 0) + 1, payload ->> 'title', payload ->> 'description',
    array(select jsonb_array_elements_text(coalesce(payload -> 'tags', '[]'))), payload ->> 'definition', v_hash,
    coalesce(nullif(payload -> 'lineage', 'null'), v_last.lineage), plane.caller_actor())
  returning * into v_new;
  perform plane.record_audit('publish_template', 'templates', v_new.name, jsonb_build_object('version', v_new.version),
    case when v_last.id is not null then plane.template_json(v_last, true) end, plane.template_json(v_new, true));
  return plane.template_json(v_new, true) || plane.template_standing(v_new.name) || jsonb_build_object('is_created', true);
end;
$$;

insert into gateway.verbs values ('publish_template', 'templates:write', false);
