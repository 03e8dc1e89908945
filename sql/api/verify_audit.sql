-- Walks along the chain and stops at the first entry that is not as it was sealed.
--
-- payload: {limit, after: {seq, hash} | null, known: {seq, hash} | null}; after: where the page before ended, or a head that was
--          kept elsewhere, from which on to verify; known: a head that was kept elsewhere and must still be in the chain
-- answers: {checked, to: {seq, hash}, head: {seq, hash}, unsealed, unsealed_since, erased, problem, has_more}
--          problem: {kind: changed | removed | reordered | inserted, seq, entry_id, message} or null
create function api.verify_audit(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org     constant uuid := plane.caller_org();
  v_from    constant bigint := coalesce((payload -> 'after' ->> 'seq')::bigint, 0);
  v_to      constant bigint := v_from + (payload ->> 'limit')::int;
  v_known   constant jsonb := nullif(payload -> 'known', 'null');
  v_head    plane.audit_heads;
  v_prev    text := repeat('0', 64);
  v_seq     bigint := v_from;
  v_erased  int := 0;
  v_seal    record;
  v_problem jsonb;
begin
  select * into v_head from plane.audit_heads where org_id = v_org;
  v_head.seq := coalesce(v_head.seq, 0);
  v_head.hash := coalesce(v_head.hash, v_prev);
  if v_from > 0 then
    select hash into v_prev from plane.audit_seals where org_id = v_org and seq = v_from;
    v_problem := plane.known_seal(v_from, payload -> 'after' ->> 'hash', v_prev);
  end if;
  if v_problem is null and v_known is not null then
    v_problem := plane.known_seal((v_known ->> 'seq')::bigint, v_known ->> 'hash',
      (select hash from plane.audit_seals where org_id = v_org and seq = (v_known ->> 'seq')::bigint));
  end if;

  if v_problem is null then
    for v_seal in
      select s as seal, a as entry
      from plane.audit_seals as s
      left join plane.audit_entries as a on a.org_id = s.org_id and a.id = s.entry_id
      where s.org_id = v_org and s.seq > v_from and s.seq <= v_to
      order by s.seq
    loop
      v_problem := plane.seal_problem(v_seal.seal, v_seal.entry, v_seq + 1, v_prev);
      exit when v_problem is not null;
      v_seq := (v_seal.seal).seq;
      v_prev := (v_seal.seal).hash;
      v_erased := v_erased + ((v_seal.entry).erased_in is not null)::int;
    end loop;
  end if;
  if v_problem is null then
    v_problem := plane.unsealed_problem(v_from, v_seq, v_to, v_head, v_prev);
  end if;

  return jsonb_build_object(
    'checked', v_seq - v_from,
    'to', jsonb_build_object('seq', v_seq, 'hash', v_prev),
    'head', jsonb_build_object('seq', v_head.seq, 'hash', v_head.hash),
    'erased', v_erased,
    'problem', v_problem,
    'has_more', v_problem is null and v_seq < v_head.seq)
  || (
    select jsonb_build_object('unsealed', count(*), 'unsealed_since', min(e.at))
    from (select at from plane.audit_entries where org_id = v_org and seq is null limit 10000) as e);
end;
$$;

insert into gateway.verbs values ('verify_audit', 'audit:read', true);
