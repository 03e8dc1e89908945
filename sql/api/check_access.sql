-- Lets a caller with a scope ('': any valid key) pass, before a request is checked or computed; with an Idempotency-Key the gateway keeps
-- the answer of what only computes, and gives it to who asks before computing it again.
-- payload: {scope, answer?} · answers: answer · raises: 403 missing_scope
--          {scope, kept: {key, fingerprint}}: an Idempotency-Key · answers: {answer} of the same request before; null: there was none
create function api.check_access(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept jsonb;
begin
  if payload ->> 'scope' <> '' and not plane.caller_has_scope(payload ->> 'scope') then
    perform plane.raise_error(403, 'missing_scope', format('This needs the scope %s.', payload ->> 'scope'),
      'Use a key that has it, or ask an operator for one.', jsonb_build_object('scope', payload ->> 'scope'));
  end if;
  if payload ? 'kept' then
    select jsonb_build_object('answer', i.answer) into v_kept
    from plane.idempotency as i
    where i.org_id = plane.caller_org() and i.key_id = plane.caller_id()
      and i.key = payload -> 'kept' ->> 'key' and i.fingerprint = payload -> 'kept' ->> 'fingerprint';
    return v_kept;
  end if;
  return payload -> 'answer';
end;
$$;

insert into gateway.verbs values ('check_access', '', false);
