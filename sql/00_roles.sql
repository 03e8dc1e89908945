-- The roles. Supabase brings authenticator, anon and authenticated; a plain Postgres gets the same ones here.
--
-- authenticator   logs in, owns nothing, may only become one of the others
-- plane_functions may what authenticator may, and cannot log in: a login of the functions' own is a member of it. Supabase keeps
--                 authenticator for its PostgREST: nobody knows its password, and it may be granted to nobody
-- anon            nobody yet: may execute the two doors of the gateway and nothing else
-- authenticated   a key or a person, inside one organisation: row-level security applies
-- plane_runner    may execute the kernel verbs that move executions; holds no table rights
-- plane_kernel    owns the kernel functions and may read and write the kernel's tables; cannot log in, bypasses nothing
-- plane_gateway   owns the functions that look up keys; cannot log in, bypasses nothing
-- plane_eraser    owns the functions that export and erase what organisations have; cannot log in, bypasses nothing
-- plane_auditor   owns the functions that write the audit and its seals: nobody else can; cannot log in, bypasses nothing
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated', 'plane_runner', 'plane_functions', 'plane_kernel', 'plane_gateway', 'plane_auditor', 'plane_eraser'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      execute format('create role %I nologin noinherit', v_role);
    end if;
  end loop;
  if not exists (select from pg_catalog.pg_roles where rolname = 'authenticator') then
    create role authenticator login noinherit;
  end if;
  execute format('grant plane_kernel, plane_gateway, plane_auditor, plane_eraser to %I', current_user);
  -- Nobody who calls needs tables, types or functions of their own.
  execute format('revoke temporary on database %I from public', current_database());
end;
$$;

grant anon to authenticator;
grant authenticated to authenticator;
grant plane_runner to authenticator;
grant anon to plane_functions;
grant authenticated to plane_functions;
grant plane_runner to plane_functions;

-- The direct path has no function-level timeouts, so they stand on the role that logs in.
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '2s';
alter role authenticator set idle_in_transaction_session_timeout = '5s';
