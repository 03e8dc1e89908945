-- Keeps the embeddings of memories; those whose text has changed meanwhile are left for the next time.
-- payload: {embedding_model, items: [{id, content, embedding}], spent_usd? as of put_memory} · answers: {embedded}
create function api.embed_memories(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_embedded int;
begin
  update plane.memories as m
  set embedding = plane.real_array(i.item -> 'embedding'), embedding_model = payload ->> 'embedding_model'
  from jsonb_array_elements(payload -> 'items') as i (item)
  where m.org_id = plane.caller_org() and m.id = (i.item ->> 'id')::uuid and m.content = i.item ->> 'content';
  get diagnostics v_embedded = row_count;
  if payload ? 'spent_usd' then
    perform plane.note_spending((payload ->> 'spent_usd')::numeric);
  end if;
  perform plane.record_audit('embed_memories', 'memory', null,
    jsonb_build_object('embedded', v_embedded, 'model', payload -> 'embedding_model'));
  return jsonb_build_object('embedded', v_embedded);
end;
$$;

insert into gateway.verbs values ('embed_memories', 'memory:write', false);
