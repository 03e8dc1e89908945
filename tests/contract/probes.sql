-- Verbs that only the contract suite has: each shows one thing that a database can do to a caller.
create schema probe;
create table probe.done (id bigint generated always as identity, note text);
create sequence probe.tries;                 -- counts attempts too that were rolled back
grant usage on schema probe to authenticated;
grant select, insert on probe.done to authenticated;
grant usage, select on probe.tries to authenticated;

create function api.probe_echo(payload jsonb) returns jsonb language sql set search_path = pg_catalog, pg_temp as $$
  select payload -> 'value';
$$;

create function api.probe_nothing(payload jsonb) returns jsonb language sql set search_path = pg_catalog, pg_temp as $$
  select null::jsonb;
$$;

create function api.probe_raise(payload jsonb) returns jsonb language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform plane.raise_error((payload ->> 'status')::int, payload ->> 'code', payload ->> 'message', payload ->> 'hint',
    payload -> 'extra');
end;
$$;

create function api.probe_sqlstate(payload jsonb) returns jsonb language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = payload ->> 'sqlstate', message = 'secret internals', detail = 'row 7', hint = 'none';
end;
$$;

-- Notes that it was tried; fails with an SQLSTATE in the first `failures` tries.
create function api.probe_try(payload jsonb) returns jsonb language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_try bigint := nextval('probe.tries');
begin
  insert into probe.done (note) values (payload ->> 'note');
  if v_try <= (payload ->> 'failures')::int then
    raise exception using errcode = payload ->> 'sqlstate', message = 'try again';
  end if;
  perform pg_sleep(coalesce((payload ->> 'seconds')::float8, 0));
  return to_jsonb(v_try);
end;
$$;

create function api.probe_forbidden(payload jsonb) returns jsonb language sql set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(count(*)) from gateway.verbs as v, plane.organisations as o, pg_catalog.pg_authid as a;
$$;

create function api.probe_missing_function(payload jsonb) returns jsonb language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return probe.nowhere(payload);
end;
$$;

create function api.probe_locked(payload jsonb) returns jsonb language sql set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(pg_advisory_xact_lock((payload ->> 'lock')::bigint)::text);
$$;

-- Runs as its owner: a role without rights may not end sessions.
create function api.probe_die(payload jsonb) returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_try bigint := nextval('probe.tries');
begin
  if v_try <= (payload ->> 'deaths')::int then
    perform pg_terminate_backend(pg_backend_pid());
    perform pg_sleep(1);
  end if;
  return to_jsonb(v_try);
end;
$$;

-- Not a verb: no row below names it.
create function api.probe_unlisted(payload jsonb) returns jsonb language sql set search_path = pg_catalog, pg_temp as $$
  select '"reached"'::jsonb;
$$;

grant execute on all functions in schema api to authenticated;
revoke execute on function api.call_with_key, api.kernel_with_key, api.call_with_token, api.call_public from authenticated;

insert into gateway.verbs (fn, scope, is_read) values
  ('probe_echo', '', true),
  ('probe_nothing', '', true),
  ('probe_raise', '', true),
  ('probe_sqlstate', '', true),
  ('probe_try', '', false),
  ('probe_forbidden', '', true),
  ('probe_missing_function', '', true),
  ('probe_locked', '', true),
  ('probe_die', '', false),
  ('probe_gone', '', true),
  ('probe_scoped', 'keys:manage', true);
