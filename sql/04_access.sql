-- Who is calling, from the claims that the gateway set for this transaction. Empty claims give null, so nothing is visible.
create function plane.caller_claims()
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return nullif(current_setting('request.jwt.claims', true), '')::jsonb;
end;
$$;

-- The caller's organisation. Policies wrap it in a select, so it is evaluated once a statement.
create function plane.caller_org()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
  -- No query: each statement that a policy guards comes through here.
  return case when v_claims ->> 'principal' in ('api_key', 'runner') then (v_claims ->> 'org_id')::uuid end;
end;
$$;

-- The calling key's id.
create function plane.caller_key()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'key_id')::uuid;
end;
$$;

-- Whether the caller has a scope. The gateway checks the verb's own scope; functions ask for what depends on the payload.
create function plane.caller_has_scope(p_scope text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'scopes') ? p_scope, false);
end;
$$;
