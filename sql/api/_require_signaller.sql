-- Refuses a key that may neither move executions nor decide. Which of both a signal needs depends on what it answers.
-- raises: 403 missing_scope
create function plane.require_signaller()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if plane.caller_has_scope('executions:write') or plane.caller_has_scope('approvals:decide') then
    return;
  end if;
  perform plane.raise_error(403, 'missing_scope', 'A signal needs the scope executions:write, a decision approvals:decide.',
    'Use a key that has it, or ask an operator for one.', '{"scope": "executions:write"}');
end;
$$;
