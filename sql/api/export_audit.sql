-- Sealed entries in the order of the chain, each with the text that was hashed: what can be verified elsewhere.
-- payload: {limit, after: seq} · answers: {data: [{entry, text, hash, nonce}], head: {seq, hash}, next: seq | null}
create function api.export_audit(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select s.seq, s.text, s.hash, a
    from plane.audit_seals as s
    left join plane.audit_entries as a on a.org_id = s.org_id and a.id = s.entry_id
    where s.org_id = (select plane.caller_org()) and s.seq > coalesce((payload ->> 'after')::bigint, 0)
    order by s.seq
    limit (payload ->> 'limit')::int
  ),
  head as (
    select h.seq, h.hash from plane.audit_heads as h where h.org_id = (select plane.caller_org())
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(jsonb_build_object(
      'seq', p.seq, 'hash', p.hash, 'text', p.text, 'nonce', (p.a).nonce,
      'entry', case when (p.a).id is not null then plane.audit_json(p.a) end,
      'labels', (p.a).labels) order by p.seq), '[]'),
    'head', (select jsonb_build_object('seq', head.seq, 'hash', head.hash) from head),
    'next', case when max(p.seq) < (select head.seq from head) then max(p.seq) end)
  from page as p;
$$;

insert into gateway.verbs values ('export_audit', 'audit:read', true);
