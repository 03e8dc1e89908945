-- What is wrong with entries that say they are sealed and have no seal, and with the end of the chain; null: nothing.
-- p_from to p_seq: what was walked along · p_to: where the page would have ended · Called by api.verify_audit.
create function plane.unsealed_problem(p_from bigint, p_seq bigint, p_to bigint, p_head plane.audit_heads, p_hash text)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org   constant uuid := plane.caller_org();
  v_entry plane.audit_entries;
begin
  if p_seq < least(p_to, p_head.seq) then
    return plane.audit_problem('removed', p_seq + 1, null, format('There is no entry %s; the chain has %s.', p_seq + 1, p_head.seq));
  end if;

  select e.* into v_entry
  from plane.audit_entries as e
  where e.org_id = v_org and e.seq is not null
    and (e.seq > p_from or p_from = 0) and (e.seq <= p_seq or p_seq >= p_head.seq)
    and not exists (select from plane.audit_seals as s where s.org_id = v_org and s.seq = e.seq and s.entry_id = e.id)
  order by e.seq
  limit 1;
  if found then
    return plane.audit_problem('inserted', v_entry.seq, v_entry.id, format('Entry %s was never sealed.', v_entry.seq));
  elsif p_seq > p_head.seq then
    return plane.audit_problem('inserted', p_head.seq + 1, null,
      format('There is something behind the last entry that the plane has sealed, which is %s.', p_head.seq));
  elsif p_seq = p_head.seq and p_hash <> p_head.hash then
    return plane.audit_problem('changed', p_seq, null, format('The last entry, %s, is not the one that the plane sealed last.', p_seq));
  end if;
  return null;
end;
$$;
