-- What is wrong with one place of the chain; null when it is as it was sealed. Called by api.verify_audit.
-- p_seq: the place that is next · p_prev: the hash of the one before
create function plane.seal_problem(p_seal plane.audit_seals, p_entry plane.audit_entries, p_seq bigint, p_prev text)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text jsonb;
  v_now  jsonb;
begin
  if p_seal.seq <> p_seq then
    return plane.audit_problem('removed', p_seq, null, format('There is no entry %s; the next one is %s.', p_seq, p_seal.seq));
  elsif encode(sha256(convert_to(p_seal.text, 'UTF8')), 'hex') <> p_seal.hash then
    return plane.audit_problem('changed', p_seq, p_seal.entry_id, format('What was sealed for entry %s does not have its hash.', p_seq));
  end if;

  v_text := p_seal.text::jsonb;
  if (v_text ->> 'seq')::bigint is distinct from p_seq then
    return plane.audit_problem('reordered', p_seq, p_seal.entry_id,
      format('What stands at %s was sealed at %s.', p_seq, v_text ->> 'seq'));
  elsif v_text ->> 'prev' is distinct from p_prev then
    return plane.audit_problem('changed', greatest(p_seq - 1, 1), null,
      format('Entry %s was sealed after another entry than the one that stands before it now.', p_seq));
  elsif p_entry.id is null then
    return plane.audit_problem('removed', p_seq, p_seal.entry_id, format('Entry %s is gone; its seal is still there.', p_seq));
  elsif p_entry.seq is distinct from p_seq then
    return plane.audit_problem('reordered', p_seq, p_entry.id, format('Entry %s says that it is entry %s.', p_seq, p_entry.seq));
  end if;

  v_now := plane.seal_text(p_entry, p_seq, p_prev);
  if v_now - 'more' <> v_text - 'more' then
    return plane.audit_problem('changed', p_seq, p_entry.id, format('Entry %s is not what was sealed: %s differ.', p_seq, (
      select string_agg(t.key, ', ' order by t.key) from jsonb_each(v_now - 'more') as t where t.value is distinct from v_text -> t.key)));
  elsif p_entry.erased_in is null and v_now -> 'more' is distinct from v_text -> 'more' then
    return plane.audit_problem('changed', p_seq, p_entry.id,
      format('Entry %s is not what was sealed: details or labels differ.', p_seq));
  elsif p_entry.erased_in is not null and not exists (
    select from plane.audit_entries as e
    where e.org_id = p_entry.org_id and e.id = p_entry.erased_in and e.action = 'erase_person'
  ) then
    return plane.audit_problem('changed', p_seq, p_entry.id,
      format('The details of entry %s were erased, and no erasure says so.', p_seq));
  end if;
  return null;
end;
$$;
