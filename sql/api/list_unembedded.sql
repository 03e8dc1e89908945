-- Memories that the given model has not embedded yet, the oldest first.
-- payload: {embedding_model, namespace?, limit} · answers: {data: [{id, content}]}
create function api.list_unembedded(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('data', coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'content', f.content) order by f.created_at, f.id), '[]'))
  from (
    select m.id, m.content, m.created_at
    from plane.memories as m
    where m.org_id = (select plane.caller_org())
      and (payload ->> 'namespace' is null or m.namespace = payload ->> 'namespace')
      and m.embedding_model is distinct from payload ->> 'embedding_model'
      and (m.expires_at is null or m.expires_at > plane.clock())
    order by m.created_at, m.id
    limit (payload ->> 'limit')::int
  ) as f;
$$;

insert into gateway.verbs values ('list_unembedded', 'memory:write', true);
