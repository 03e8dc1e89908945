-- Lets a caller with a scope ('': any valid key) pass, before a request is checked or computed; with an Idempotency-Key the gateway keeps
-- the answer of what only computes.
-- payload: {scope, answer?} · answers: answer · raises: 403 missing_scope
create function api.check_access(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if payload ->> 'scope' <> '' and not plane.caller_has_scope(payload ->> 'scope') then
    perform plane.raise_error(403, 'missing_scope', format('This needs the scope %s.', payload ->> 'scope'),
      'Use a key that has it, or ask an operator for one.', jsonb_build_object('scope', payload ->> 'scope'));
  end if;
  return payload -> 'answer';
end;
$$;

insert into gateway.verbs values ('check_access', '', false);
