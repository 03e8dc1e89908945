-- Lets a caller with a scope pass, for requests that only compute; with an Idempotency-Key the gateway keeps their answer.
-- payload: {scope, answer?} · answers: answer · raises: 403 missing_scope
create function api.check_access(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not plane.caller_has_scope(payload ->> 'scope') then
    perform plane.raise_error(403, 'missing_scope', format('This needs the scope %s.', payload ->> 'scope'),
      'Use a key that has it, or ask an operator for one.', jsonb_build_object('scope', payload ->> 'scope'));
  end if;
  return payload -> 'answer';
end;
$$;

insert into gateway.verbs values ('check_access', '', false);
