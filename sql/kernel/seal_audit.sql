-- Seals what was noted since: each organisation's entries, in the order of their ids, into its chain.
--
-- p: {limit?: of an organisation, 500} → {sealed, more}
-- An entry is sealed because it is there and has no place in the chain yet, so one whose transaction commits late is not
-- forgotten: it comes after those with higher ids. The head of an organisation is locked; who finds it locked leaves it be.
-- Called by the chore, any number at once. Up to 200 organisations a call.
create function plane.seal_audit(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 500);
  v_org     uuid;
  v_entry   plane.audit_entries;
  v_seq     bigint;
  v_hash    text;
  v_text    text;
  v_from    bigint;
  v_sealed  int := 0;
  v_is_more boolean := false;
begin
  for v_org in
    with recursive orgs as (
      (select org_id from plane.audit_entries where seq is null order by org_id limit 1)
      union all
      select (select e.org_id from plane.audit_entries as e where e.seq is null and e.org_id > orgs.org_id order by e.org_id limit 1)
      from orgs
      where orgs.org_id is not null
    )
    select org_id from orgs where org_id is not null limit 200
  loop
    -- Asked first, because even an insert that does nothing waits for whoever is changing the row.
    if not exists (select from plane.audit_heads where org_id = v_org) then
      insert into plane.audit_heads (org_id) values (v_org) on conflict do nothing;
    end if;
    select seq, hash into v_seq, v_hash from plane.audit_heads where org_id = v_org for update skip locked;
    continue when not found;

    v_from := v_seq;
    for v_entry in
      select * from plane.audit_entries where org_id = v_org and seq is null order by id limit v_limit
    loop
      v_seq := v_seq + 1;
      v_text := plane.seal_text(v_entry, v_seq, v_hash)::text;
      v_hash := encode(sha256(convert_to(v_text, 'UTF8')), 'hex');
      insert into plane.audit_seals (org_id, seq, entry_id, text, hash) values (v_org, v_seq, v_entry.id, v_text, v_hash);
      update plane.audit_entries set seq = v_seq where org_id = v_org and id = v_entry.id;
    end loop;
    update plane.audit_heads set seq = v_seq, hash = v_hash where org_id = v_org and seq <> v_seq;
    v_sealed := v_sealed + (v_seq - v_from);
    v_is_more := v_is_more or v_seq - v_from = v_limit;
  end loop;
  return jsonb_build_object('sealed', v_sealed, 'more', v_is_more);
end;
$$;

alter function plane.seal_audit(jsonb) owner to plane_auditor;
