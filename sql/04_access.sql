-- Who is calling, from the claims that the gateway set for this transaction. Empty claims give null, so nothing is visible.
-- Claims with role authenticated are a token's own, as PostgREST hands them over: whatever else they say, they are nobody here
-- until a door has looked up the membership.
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
  return case
    when v_claims ->> 'principal' in ('api_key', 'person', 'runner') and v_claims ->> 'role' is distinct from 'authenticated'
      then (v_claims ->> 'org_id')::uuid
  end;
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

-- The caller's id, whoever it is: a person's, else the key's. What an Idempotency-Key belongs to, and what *_by columns keep.
create function plane.caller_id()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
  return case v_claims ->> 'principal' when 'person' then plane.caller_person() else (v_claims ->> 'key_id')::uuid end;
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

-- The calling person's id in Supabase Auth; null for keys and for the plane itself. They need not be a member anywhere.
create function plane.caller_person()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
  return case
    when v_claims ->> 'principal' = 'person' and v_claims ->> 'role' is distinct from 'authenticated'
      then (v_claims ->> 'user_id')::uuid
  end;
end;
$$;

-- Who is calling, as tables and pages keep it: {kind: agent_key | operator_key | person | runner, id, label}.
create function plane.caller_actor()
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
  return case v_claims ->> 'principal'
    when 'person' then jsonb_build_object('kind', 'person', 'id', v_claims -> 'user_id', 'label', v_claims -> 'email')
    when 'runner' then jsonb_build_object('kind', 'runner', 'id', v_claims -> 'key_id', 'label', null)
    when 'api_key' then jsonb_build_object(
      'kind', (v_claims ->> 'key_kind') || '_key', 'id', v_claims -> 'key_id', 'label', v_claims -> 'name')
  end;
end;
$$;

-- Raises 403 people_only unless a person calls, and 403 missing_scope unless their role gives the scope.
create function plane.require_person(p_scope text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if plane.caller_person() is null then
    perform plane.raise_error(403, 'people_only', 'Only a person who is signed in may do this; a key may not.',
      'Sign in (agentplane login, or the sign-in page) and send the access token.');
  elsif not plane.caller_has_scope(p_scope) then
    perform plane.raise_error(403, 'missing_scope', format('This needs the scope %s, which your role does not have.', p_scope),
      'Ask an owner or an admin of the organisation.', jsonb_build_object('scope', p_scope));
  end if;
end;
$$;
