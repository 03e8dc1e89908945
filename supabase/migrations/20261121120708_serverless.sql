-- Made by `make migration NAME=serverless` from sql/. Read it, and run the tests.

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

-- Functions may name each other in any order.
set check_function_bodies = off;

drop policy "the kernel removes expired state" on plane.state;
drop function plane._overdue(integer,integer);
drop function gateway.authenticate(text,text);
drop function api.call_with_key(text,text,jsonb,jsonb,jsonb);
grant create on schema gateway to plane_gateway;
grant create on schema plane to plane_kernel;
alter table plane.api_keys add column signing_key text;
alter table plane.frames add column idle_claims integer default 0 not null;

CREATE OR REPLACE FUNCTION api.call_with_key(key_hash text, fn text, payload jsonb DEFAULT '{}'::jsonb, idempotency jsonb DEFAULT NULL::jsonb, lease jsonb DEFAULT NULL::jsonb, signed_by text DEFAULT NULL::text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET statement_timeout TO '8s'
 SET lock_timeout TO '2s'
AS $function$
declare
  v_claims jsonb := gateway.authenticate(key_hash, coalesce(fn, ''), signed_by);
  v_lease  jsonb;
  v_answer jsonb;
begin
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  if lease is not null then
    v_lease := jsonb_build_object('lease', gateway._lease_tokens(lease));
  end if;
  if idempotency is not null then
    v_answer := gateway._begin_once(idempotency ->> 'key', idempotency ->> 'fingerprint');
    if v_answer is not null then
      return v_answer || coalesce(v_lease, '{}');
    end if;
  end if;

  execute format('select api.%I($1)', fn) into v_answer using payload;

  if idempotency is not null then
    return gateway._end_once(idempotency ->> 'key', v_answer) || coalesce(v_lease, '{}');
  elsif lease is not null then
    return v_lease || jsonb_build_object('answer', v_answer, 'replayed', false);
  end if;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION api.check_access(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION api.create_key(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_scopes constant text[] := array(select jsonb_array_elements_text(payload -> 'scopes'));
  v_key    plane.api_keys;
begin
  perform plane.require_scopes_of(v_scopes);
  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, created_by, expires_at, signing_key)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'kind', sha256(decode(payload ->> 'key_hash', 'hex')),
    payload ->> 'prefix', v_scopes, plane.caller_id(),
    plane.key_end((payload ->> 'expires_in_seconds')::float8), payload ->> 'signing_key')
  returning * into v_key;
  perform plane.check_quota('keys');
  perform plane.note_event('key.created', plane.key_event(v_key));
  perform plane.record_audit('create_key', 'keys', v_key.id::text,
    jsonb_build_object('name', v_key.name, 'kind', v_key.kind, 'scopes', to_jsonb(v_scopes), 'signed', v_key.signing_key is not null),
    null, plane.key_json(v_key));
  return plane.key_json(v_key);
end;
$function$;

CREATE OR REPLACE FUNCTION api.kernel_with_key(key_hash text, verb text, payload jsonb DEFAULT '{}'::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET statement_timeout TO '8s'
 SET lock_timeout TO '2s'
AS $function$
declare
  v_claims jsonb := gateway.authenticate(key_hash, null);
begin
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'plane_runner', true);
  if v_claims -> 'scopes' <> '[]' and not v_claims -> 'scopes' ? verb then
    perform plane.raise_error(403, 'missing_scope', format('This runner key may not call %s.', verb),
      'Use the key of another function of the plane.', jsonb_build_object('scope', verb));
  end if;
  case verb
    when 'move_together' then return plane.move_together(payload);
    when 'claim' then return plane.claim(payload);
    when 'checkpoint' then return plane.checkpoint(payload);
    when 'extend_lease' then return plane.extend_lease(payload);
    when 'load_records' then return plane.load_records(payload);
    when 'act' then return plane.act(payload);
    when 'report_dead' then return plane.report_dead(payload);
    when 'report_owner_dead' then return plane.report_owner_dead(payload);
    when 'sweep' then return plane.sweep(payload);
    when 'expire_handoffs' then return plane.expire_handoffs(payload);
    when 'seal_audit' then return plane.seal_audit(payload);
    when 'load_guard' then return plane.load_guard(payload);
    when 'load_secrets' then return plane.load_secrets(payload);
    when 'load_provider_keys' then return plane.load_provider_keys(payload);
    when 'note_policy' then return plane.note_policy(payload);
    when 'drop_payloads' then return plane.drop_payloads(payload);
    when 'erase_next' then return gateway.erase_next(payload);
    when 'get_violations' then return plane.get_violations(payload);
    when 'note_agent_health' then return plane.note_agent_health(payload);
    when 'update_agent_records' then return plane.update_agent_records(payload);
    when 'note_chore' then return plane.note_chore(payload);
    when 'get_plane_health' then return plane.get_plane_health(payload);
    when 'fan_out_webhooks' then return plane.fan_out_webhooks(payload);
    when 'claim_deliveries' then return plane.claim_deliveries(payload);
    when 'record_delivery' then return plane.record_delivery(payload);
    when 'find_hook' then return plane.find_hook(payload);
    when 'receive_message' then return plane.receive_message(payload);
    when 'fan_out_triggers' then return plane.fan_out_triggers(payload);
    when 'claim_messages' then return plane.claim_messages(payload);
    when 'finish_message' then return plane.finish_message(payload);
    when 'claim_schedules' then return plane.claim_schedules(payload);
    when 'record_firings' then return plane.record_firings(payload);
    when 'start_queued' then return plane.start_queued(payload);
    when 'forget_triggered' then return plane.forget_triggered(payload);
    when 'time_out_escalation' then return plane.time_out_escalation(payload);
    when 'announce_escalations' then return plane.announce_escalations(payload);
    when 'claim_mails' then return plane.claim_mails(payload);
    when 'note_mail' then return plane.note_mail(payload);
    when 'meter_usage' then return plane.meter_usage(payload);
    when 'meter_requests' then return plane.meter_requests(payload);
    when 'watch_budgets' then return plane.watch_budgets(payload);
    when 'count_quotas' then return plane.count_quotas(payload);
    else
      perform plane.raise_error(404, 'unknown_verb', format('There is no kernel verb %s.', verb));
  end case;
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.ping()
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select 'ok, schema 3';
$function$;

CREATE OR REPLACE FUNCTION api.rotate_key(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now  constant timestamptz := plane.clock();
  v_old  plane.api_keys := plane.lock_key(payload ->> 'id');
  v_new  plane.api_keys;
begin
  if v_old.id is distinct from plane.caller_key() and not plane.caller_has_scope('keys:manage') then
    perform plane.raise_error(403, 'missing_scope', 'This needs the scope keys:manage, unless the key is your own.',
      'Rotate your own key, or ask an operator.', '{"scope": "keys:manage"}');
  elsif v_old.rotated_to is not null then
    perform plane.raise_error(409, 'already_rotated', format('The key %s takes over from this one already.', v_old.rotated_to),
      'Rotate that one.', jsonb_build_object('rotated_to', v_old.rotated_to));
  elsif v_old.revoked_at is not null or v_old.expires_at <= v_now then
    perform plane.raise_error(409, 'key_not_active', 'This key is revoked or expired.', 'Make a new key.');
  end if;
  perform plane.require_scopes_of(v_old.scopes, null);
  v_new.expires_at := case
    when payload ->> 'expires_in_seconds' is not null then plane.key_end((payload ->> 'expires_in_seconds')::float8)
    when v_old.id = plane.caller_key() then v_old.expires_at
    else least(v_now + (v_old.expires_at - v_old.created_at), plane.key_end(null)) end;
  if v_new.expires_at is not null then
    perform plane.require_other_manager(v_old);
  end if;

  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, created_by, expires_at, rotated_from, signing_key)
  values (
    v_old.org_id, v_old.name, v_old.kind, sha256(decode(payload ->> 'key_hash', 'hex')), payload ->> 'prefix', v_old.scopes,
    plane.caller_id(), v_new.expires_at, v_old.id, coalesce(payload ->> 'signing_key', v_old.signing_key))
  returning * into v_new;
  update plane.api_keys
  set rotated_to = v_new.id, expires_at = least(expires_at, v_now + make_interval(secs => (payload ->> 'overlap_seconds')::float8))
  where id = v_old.id
  returning * into v_old;
  perform plane.record_audit('rotate_key', 'keys', v_old.id::text,
    jsonb_build_object('name', v_old.name, 'rotated_to', v_new.id, 'overlap_seconds', payload -> 'overlap_seconds',
      'signed', v_new.signing_key is not null));
  perform plane.note_event('key.rotated', plane.key_event(v_new) || jsonb_build_object('overlap_until', plane.time_text(v_old.expires_at)));
  return plane.key_json(v_new) || jsonb_build_object('replaces', plane.key_json(v_old));
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.authenticate(p_key_hash text, p_fn text, p_signed_by text DEFAULT NULL::text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now  constant timestamptz := plane.clock();
  v_key  record;
  v_verb gateway.verbs;
begin
  select id, org_id, kind, name, scopes, revoked_at, expires_at, last_used_at, signing_key into v_key
  from plane.api_keys
  where key_hash = case when p_key_hash ~ '^[0-9a-f]{64}( |$)' then sha256(decode(left(p_key_hash, 64), 'hex')) end;
  if v_key.id is null and p_key_hash ~ '^[0-9a-f]{64}( [0-9a-f]{64}){1,3}$' then
    select k.id, k.org_id, k.kind, k.name, k.scopes, k.revoked_at, k.expires_at, null::timestamptz as last_used_at, k.signing_key into v_key
    from unnest(string_to_array(p_key_hash, ' ')) with ordinality as h (hash, place)
    join plane.api_keys as k on k.key_hash = sha256(decode(h.hash, 'hex'))
    order by h.place
    limit 1;
  end if;
  if v_key.id is null or v_key.revoked_at is not null or v_key.expires_at <= v_now then
    perform plane.raise_error(401, 'unauthenticated', 'The API key is unknown, revoked or expired.',
      'Send Authorization: Bearer <key> with a valid key.');
  elsif v_key.signing_key is distinct from p_signed_by and v_key.signing_key is not null then
    perform plane.raise_error(401, 'signature_required', 'Requests with this API key must be signed.',
      'Sign the request with the private key that belongs to it.', jsonb_build_object('signing_key', v_key.signing_key));
  end if;

  if p_fn is null and v_key.kind <> 'runner' then
    perform plane.raise_error(403, 'wrong_kind', 'Only a runner''s key may move executions.',
      'Use the key that create_runner_key made.');
  elsif p_fn is not null then
    select * into v_verb from gateway.verbs where fn = p_fn;
    if not found then
      perform plane.raise_error(404, 'unknown_verb', format('There is no verb %s.', p_fn));
    elsif v_key.kind <> all (v_verb.kinds) then
      perform plane.raise_error(403, 'wrong_kind', format('A key of kind %s may not do this.', v_key.kind),
        case when v_verb.kinds <@ '{user,person}' then 'Sign in, and send the access token: this is for people.'
          else format('Use a key of kind %s.', array_to_string(array_remove(v_verb.kinds, 'person'), ' or ')) end);
    elsif v_verb.scope <> '' and v_verb.scope <> all (v_key.scopes) then
      perform plane.raise_error(403, 'missing_scope', format('This needs the scope %s.', v_verb.scope),
        'Use a key that has it, or ask an operator for one.', jsonb_build_object('scope', v_verb.scope));
    end if;
  end if;

  if coalesce(v_key.last_used_at < v_now - interval '1 minute', true) then
    perform gateway._note_use(v_key.id, left(p_key_hash, 64));
  end if;
  return jsonb_build_object(
    'principal', case v_key.kind when 'runner' then 'runner' else 'api_key' end,
    'org_id', v_key.org_id,
    'key_id', v_key.id,
    'key_kind', v_key.kind,
    'name', v_key.name,
    'scopes', v_key.scopes);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._claimed(p_frame plane.frames, p_known jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- An execution that has only just been started has no records and no waits.
  v_is_new  constant boolean := p_frame.seq = 0 and p_frame.gen = 0 and p_frame.frame = '';
  v_records jsonb := '[]';
  v_waits   jsonb := '[]';
begin
  if not v_is_new then
    v_records := plane._list_records(p_frame);
    v_waits := plane._list_waits(p_frame, false);
  end if;
  return (
    select jsonb_build_object(
      'ok', true,
      'epoch', p_frame.epoch, 'seq', p_frame.seq, 'gen', p_frame.gen,
      'org_id', p_frame.org_id, 'execution_id', p_frame.execution_id, 'frame', p_frame.frame, 'queue', p_frame.queue,
      'root_execution_id', p_frame.root_execution_id,
      'workflow', w.name, 'version', v.version, 'version_id', v.id, 'content_hash', v.content_hash,
      'document', case when p_known ? v.content_hash then null else v.document end,
      'input', e.input,
      'workflow_id', w.id, 'agent_id', e.agent_id,
      'agent', case when e.agent_id is not null then (select a.name from plane.agents as a where a.id = e.agent_id) end)
    || jsonb_build_object(
      'parent', p_frame.parent_token is not null, 'shard', p_frame.shard,
      'cancel', plane._cancel_cause(p_frame), 'deadline_in_ms', plane._ms_until(p_frame.deadline_at),
      'budget_usd', p_frame.budget_usd, 'spent_usd', p_frame.spent_usd, 'over_budget', plane._over_budget(p_frame),
      'stall', p_frame.stall, 'claims', p_frame.epoch & 4294967295, 'idle_claims', p_frame.idle_claims,
      'records_written', p_frame.records, 'in_flight', p_frame.in_flight,
      'lease_ms', plane._ms_until(p_frame.due_at), 'now', plane.clock(),
      'finish', p_frame.last_checkpoint -> 'finish',
      'records', v_records, 'waits', v_waits)
    from plane.executions as e
    join plane.workflow_versions as v on v.id = e.version_id
    join plane.workflows as w on w.id = e.workflow_id
    where e.id = p_frame.execution_id);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._hold(p_frame plane.frames, p_claim_ref text, p_owner text, p_lease_seconds numeric)
 RETURNS plane.frames
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- Running, or made ready by a sweep: whoever held it has vanished. Who parks or chains leaves no claim_ref behind.
  v_vanished constant boolean := p_frame.claim_ref is not null;
  v_frame    plane.frames;
begin
  if p_frame.wait_deadline <= plane.clock() then
    perform plane._close_due(p_frame.execution_id, p_frame.frame);
  end if;
  update plane.frames
  set
    status = 'running',
    epoch = epoch + 1,
    due_at = plane.clock() + p_lease_seconds * interval '1 second',
    claim_ref = p_claim_ref,
    owner = p_owner,
    stall = stall + v_vanished::int,
    idle_claims = idle_claims + 1,
    dispatches = 0,
    has_answers = false
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._note_secrets_used(p_org uuid, p_names jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now constant timestamptz := plane.clock();
begin
  update plane.secrets as s
  set last_used_at = v_now
  from (
    select name
    from plane.secrets
    where org_id = p_org and p_names ? name and (last_used_at is null or last_used_at < v_now - interval '1 minute')
    order by name
    for no key update skip locked
  ) as used
  where s.org_id = p_org and s.name = used.name;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._overdue(p_limit integer, p_per_org integer, p_grace_seconds numeric DEFAULT 0, p_queues text[] DEFAULT NULL::text[])
 RETURNS TABLE(execution_id uuid, frame text)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with recursive organisations as (
    (select f.org_id from plane.frames as f order by f.org_id limit 1)
    union all
    select (select f.org_id from plane.frames as f where f.org_id > o.org_id order by f.org_id limit 1)
    from organisations as o
    where o.org_id is not null
  )
  select due.execution_id, due.frame
  from organisations as o
  cross join lateral (
    select f.execution_id, f.frame, row_number() over (order by f.due_at) as turn
    from plane.frames as f
    where f.org_id = o.org_id and f.due_at <= plane.clock() and f.status <> 'done'
      and (f.status <> 'ready' or f.dispatches > 0 or f.due_at <= plane.clock() - p_grace_seconds * interval '1 second')
      and (p_queues is null or f.queue = any (p_queues))
    order by f.due_at
    limit p_per_org
  ) as due
  where o.org_id is not null
  order by due.turn
  limit p_limit;
$function$;

CREATE OR REPLACE FUNCTION plane._plain_checkpoints(p_calls jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  v_now     constant timestamptz := plane.clock();
  v_plain   int[];
  v_ends    int[];
  v_answers jsonb;
begin
  select array_agg(locked.n) into v_plain
  from (
    select call.n
    from jsonb_array_elements(p_calls) with ordinality as call (p, n)
    join plane.frames as f on f.execution_id = (p ->> 'execution_id')::uuid and f.frame = coalesce(p ->> 'frame', '')
    where f.epoch = (p ->> 'epoch')::bigint and f.seq + 1 = (p ->> 'seq')::bigint
      and (f.status = 'running' or (f.status = 'ready' and f.claim_ref is not null))
      and not f.has_answers and (f.wait_deadline is null or f.wait_deadline > v_now)
      and coalesce(p -> 'open', '[]') = '[]' and coalesce(p -> 'close', '[]') = '[]'
      and (coalesce(p ->> 'next', 'running') = 'running' or (p ->> 'next' = 'done' and f.frame = '' and f.parent_token is null))
      and (p -> 'records' is null or octet_length((p -> 'records')::text) <= 2048 or not exists (
        select from jsonb_array_elements(p -> 'records') as r where octet_length((r -> 'output')::text) > 2048))
    for no key update of f skip locked
  ) as locked;
  if v_plain is null then
    return (select jsonb_agg(null::jsonb) from generate_series(1, jsonb_array_length(p_calls)));
  end if;

  with call as materialized (
    select
      c.n, c.p, c.p ->> 'next' = 'done' as is_end, f.execution_id, f.frame, f.gen, f.org_id, f.seq + 1 as seq,
      coalesce((c.p ->> 'lease_seconds')::numeric, 30) * interval '1 second' as lease
    from jsonb_array_elements(p_calls) with ordinality as c (p, n)
    join plane.frames as f on f.execution_id = (c.p ->> 'execution_id')::uuid and f.frame = coalesce(c.p ->> 'frame', '')
    where c.n = any (v_plain) and (coalesce(c.p ->> 'next', 'running') = 'running' or (
      -- Whoever ends has nothing below it and waits for nothing. Counted, because exists() would be planned as one list for all.
      (select count(*) filter (where b.status <> 'done') from plane.frames as b where b.root_execution_id = f.root_execution_id) = 1
      and (select count(*) filter (where w.answered_at is null) from plane.waits as w where w.execution_id = f.execution_id) = 0))
  ), added as (
    insert into plane.checkpoints (
      execution_id, gen, path, org_id, frame, parent, kind, status, output, error, attempts, ended_at, duration_ms,
      model, provider, input_tokens, output_tokens, cost_usd, is_cost_unknown, details, seq)
    select
      call.execution_id, call.gen, r.path, call.org_id, call.frame, coalesce(r.parent, ''), r.kind, r.status,
      r.output, r.error, coalesce(r.attempts, 1), v_now, coalesce(r.duration_ms, 0)::bigint,
      r.model, r.provider, r.input_tokens, r.output_tokens, r.cost_usd, coalesce(r.is_cost_unknown, false), r.details, call.seq
    from call
    cross join lateral jsonb_to_recordset(call.p -> 'records') as r (
      path text, parent text, kind text, status text, output jsonb, error jsonb, attempts int, duration_ms numeric,
      model text, provider text, input_tokens bigint, output_tokens bigint, cost_usd numeric, is_cost_unknown boolean, details jsonb)
    on conflict do nothing
    returning execution_id, frame, path, cost_usd
  ), written as (
    select execution_id, frame, count(*) as records, coalesce(sum(cost_usd), 0) as cost, array_agg(path) as paths
    from added
    group by execution_id, frame
  ), step as (
    select
      call.*, coalesce(w.records, 0) as records, coalesce(w.cost, 0) as cost,
      case
        when jsonb_array_length(coalesce(call.p -> 'records', '[]')) = coalesce(w.records, 0) then '{}'
        else plane._find_conflicts(call.p -> 'records', w.paths)
      end as conflicts
    from call
    left join written as w on w.execution_id = call.execution_id and w.frame = call.frame
  ), moved as (
    update plane.frames as f
    set
      seq = step.seq,
      status = case when step.is_end then 'done' else 'running' end,
      due_at = case
        when step.is_end then v_now + interval '10 minutes'
        when f.status = 'running' and f.due_at > v_now + step.lease / 3 then f.due_at
        else v_now + step.lease
      end,
      claim_ref = case when not step.is_end then f.claim_ref end,
      owner = case when not step.is_end then f.owner end,
      in_flight = coalesce(step.p -> 'in_flight', f.in_flight),
      stall = case when step.records > 0 or step.is_end then 0 else f.stall end,
      idle_claims = case when step.records > 0 then 0 else f.idle_claims end,
      dispatches = 0,
      records = f.records + step.records,
      spent_usd = f.spent_usd + step.cost,
      last_checkpoint = jsonb_build_object(
        'status', case when step.is_end then 'done' else 'running' end, 'due', '[]'::jsonb, 'conflicts', step.conflicts)
    from step
    where f.execution_id = step.execution_id and f.frame = step.frame
    returning
      step.n, step.is_end, jsonb_build_object(
        'ok', true, 'seq', f.seq, 'status', f.status,
        'cancel', case when f.cancel_requested then 'cancelled' when f.deadline_at <= v_now then 'timed_out' end,
        'over_budget', coalesce(f.spent_usd >= f.budget_usd and f.spent_usd > 0, false),
        'answered', '[]'::jsonb, 'conflicts', step.conflicts, 'due_in_ms', null, 'due', '[]'::jsonb, 'adopted', null,
        'draining', 0) as answer
  )
  select jsonb_agg(moved.answer order by n), array_agg(n) filter (where moved.is_end) into v_answers, v_ends
  from generate_series(1, jsonb_array_length(p_calls)) as n
  left join moved using (n);

  if v_ends is not null then
    perform plane._end_executions(array_agg(p ->> 'execution_id')::uuid[], array_agg(p -> 'finish'))
    from jsonb_array_elements(p_calls) with ordinality as call (p, n)
    where n = any (v_ends);
  end if;
  return v_answers;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._plain_claims(p_calls jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  v_now     constant timestamptz := plane.clock();
  v_plain   int[];
  v_answers jsonb;
begin
  select array_agg(locked.n) into v_plain
  from (
    select call.n
    from jsonb_array_elements(p_calls) with ordinality as call (p, n)
    join plane.frames as f on f.execution_id = (p ->> 'execution_id')::uuid and f.frame = coalesce(p ->> 'frame', '')
    where coalesce(p ->> 'frame', '') = '' and f.gen = 0 and f.seq = 0 and f.queue = p ->> 'queue'
      and (f.status = 'ready' or (f.status = 'running' and f.due_at <= v_now)) and f.claim_ref is distinct from p ->> 'claim_ref'
      and (
        select p -> 'known' ? v.content_hash
        from plane.executions as e
        join plane.workflow_versions as v on v.id = e.version_id
        where e.id = f.execution_id)
    for no key update of f skip locked
  ) as locked;
  if v_plain is null then
    return (select jsonb_agg(null::jsonb) from generate_series(1, jsonb_array_length(p_calls)));
  end if;

  with held as (
    update plane.frames as f
    set
      status = 'running',
      epoch = f.epoch + 1,
      due_at = v_now + coalesce((call.p ->> 'lease_seconds')::numeric, 30) * interval '1 second',
      claim_ref = call.p ->> 'claim_ref',
      owner = call.p ->> 'owner',
      stall = f.stall + (f.claim_ref is not null)::int, -- whoever held it has vanished
      idle_claims = f.idle_claims + 1,
      dispatches = 0
    from jsonb_array_elements(p_calls) with ordinality as call (p, n)
    where call.n = any (v_plain) and f.execution_id = (call.p ->> 'execution_id')::uuid and f.frame = coalesce(call.p ->> 'frame', '')
    returning call.n, plane._claimed(f, call.p -> 'known') as answer
  )
  select jsonb_agg(held.answer order by n) into v_answers
  from generate_series(1, jsonb_array_length(p_calls)) as n
  left join held using (n);
  return v_answers;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._write_frame(p_frame plane.frames, p jsonb, p_step jsonb, p_written integer)
 RETURNS plane.frames
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now     constant timestamptz := plane.clock();
  v_lease   constant interval := coalesce((p ->> 'lease_seconds')::numeric, 30) * interval '1 second';
  v_status  constant text := p_step ->> 'status';
  v_is_news constant boolean := p_written > 0 or v_status in ('waiting', 'done') or jsonb_array_length(p -> 'open') > 0;
  v_frame   plane.frames;
begin
  update plane.frames
  set
    seq = p_frame.seq + 1,
    status = v_status,
    due_at = case v_status
      when 'ready' then v_now + interval '2 seconds'
      when 'waiting' then (p_step ->> 'due_at')::timestamptz
      when 'done' then v_now + interval '10 minutes'
      else case when status = 'running' and due_at > v_now + v_lease / 3 then due_at else v_now + v_lease end
    end,
    claim_ref = case when v_status = 'running' then claim_ref end,
    owner = case when v_status = 'running' then owner end,
    in_flight = coalesce(p -> 'in_flight', in_flight),
    stall = case when v_is_news then 0 else stall end,
    idle_claims = case when p_written > 0 or jsonb_array_length(p -> 'open') > 0 then 0 else idle_claims end,
    dispatches = 0,
    records = records + p_written,
    spent_usd = p_frame.spent_usd,
    has_answers = false,
    last_checkpoint = p_step
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.key_event(p_key plane.api_keys)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object('key_id', p_key.id, 'name', p_key.name, 'kind', p_key.kind, 'prefix', p_key.prefix, 'scopes', to_jsonb(p_key.scopes),
    'expires_at', plane.time_text(p_key.expires_at), 'rotated_from', p_key.rotated_from,
    'signed', p_key.signing_key is not null, 'by', plane.caller_actor());
end;
$function$;

CREATE OR REPLACE FUNCTION plane.key_json(p_key plane.api_keys)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'id', p_key.id,
    'name', p_key.name,
    'kind', p_key.kind,
    'prefix', p_key.prefix,
    'scopes', to_jsonb(p_key.scopes),
    'status', case
      when p_key.revoked_at is not null then 'revoked'
      when p_key.expires_at <= plane.clock() then 'expired'
      else 'active' end,
    'created_at', p_key.created_at,
    'created_by', p_key.created_by,
    'expires_at', p_key.expires_at,
    'revoked_at', p_key.revoked_at,
    'last_used_at', p_key.last_used_at,
    'rotated_from', p_key.rotated_from,
    'rotated_to', p_key.rotated_to,
    'signed', p_key.signing_key is not null);
$function$;

CREATE OR REPLACE FUNCTION plane.load_provider_keys(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org   constant uuid := (p ->> 'org_id')::uuid;
  v_found jsonb;
begin
  select jsonb_object_agg(s.name, jsonb_build_object('version', s.version, 'sealed', s.sealed)) into v_found
  from plane.secrets as s
  where s.org_id = v_org and p -> 'names' ? s.name and s.name = any (plane._provider_keys());
  perform plane._note_secrets_used(v_org, v_found);
  return jsonb_build_object('secrets', coalesce(v_found, '{}'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.load_secrets(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_frame plane.frames;
  v_found jsonb;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  select jsonb_object_agg(s.name, jsonb_build_object('version', s.version, 'sealed', s.sealed)) into v_found
  from plane.executions as e
  join plane.workflow_versions as v on v.id = e.version_id
  join plane.secrets as s on s.org_id = v_frame.org_id
  where e.id = v_frame.execution_id and p -> 'names' ? s.name
    and (coalesce(v.document -> 'secrets', '[]') ? s.name or s.name = any (plane._provider_keys()));

  perform plane._note_secrets_used(v_frame.org_id, v_found);
  return jsonb_build_object('ok', true, 'org_id', v_frame.org_id, 'secrets', coalesce(v_found, '{}'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.model_rules()
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org constant uuid := plane._require_org();
begin
  return jsonb_build_object(
    'org_id', v_org,
    'policies', (
      select coalesce(jsonb_agg(to_jsonb(p) - '{org_id,is_enabled,created_by,created_at,updated_at}'::text[]), '[]')
      from plane.policies as p
      where p.org_id = v_org and p.is_enabled and p.kind = 'model'),
    'budgets', (
      select coalesce(jsonb_agg(b), '[]')
      from jsonb_array_elements(plane.budget_states(v_org)) as b
      where b ->> 'scope' = 'organisation' and (b ->> 'is_reached')::boolean));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.report_dead(p jsonb)
 RETURNS jsonb
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with freed as (
    update plane.frames
    set status = 'ready', due_at = plane.clock() + interval '2 seconds'
    where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '')
      and (claim_ref = p ->> 'claim_ref' or starts_with(claim_ref, (p ->> 'message_id') || ':')) and status = 'running'
    returning frames.*
  )
  select jsonb_build_object('due', coalesce(jsonb_agg(plane._doorbell(freed)), '[]')) from freed;
$function$;

CREATE OR REPLACE FUNCTION plane.sweep(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 200);
  v_backoff constant numeric := coalesce((p ->> 'backoff_seconds')::numeric, 2);
  v_longest constant numeric := coalesce((p ->> 'backoff_cap_seconds')::numeric, 60);
  v_grace   constant numeric := coalesce((p ->> 'grace_seconds')::numeric, 0);
  v_queues  constant text[] := case when p ? 'queues' then array(select jsonb_array_elements_text(p -> 'queues')) end;
  v_due     jsonb;
begin
  perform plane._check_isolation();
  with locked as (
    select f.execution_id, f.frame
    from plane._overdue(v_limit, coalesce((p ->> 'per_org')::int, 50), v_grace, v_queues) as o
    join plane.frames as f using (execution_id, frame)
    where f.due_at <= plane.clock() and f.status <> 'done'
    for no key update of f skip locked
  ), swept as (
    update plane.frames as f
    set
      status = 'ready',
      dispatches = f.dispatches + 1,
      due_at = plane.clock() + least(v_longest, v_backoff * 2 ^ least(f.dispatches, 10)) * interval '1 second'
    from locked
    where f.execution_id = locked.execution_id and f.frame = locked.frame
    returning f.*
  )
  select coalesce(jsonb_agg(plane._doorbell(swept)), '[]') into v_due from swept;

  return jsonb_build_object('due', v_due, 'deleted', plane._forget(v_limit), 'next_due_in_ms', plane._ms_until(plane._next_due()));
end;
$function$;

alter table plane.api_keys add constraint api_keys_runners_do_not_sign CHECK (((kind <> 'runner'::text) OR (signing_key IS NULL)));
alter table plane.api_keys add constraint api_keys_signing_key_check CHECK ((signing_key ~ '^[A-Za-z0-9+/]{43}=$'::text));

create policy "the kernel locks what it removes" on plane.state
  for update to plane_kernel
  using ((expires_at IS NOT NULL));

create policy "the kernel removes expired state" on plane.state
  for delete to plane_kernel
  using ((expires_at IS NOT NULL));
alter function gateway.authenticate(text,text,text) owner to plane_gateway;
alter function plane.load_provider_keys(jsonb) owner to plane_kernel;
grant execute on function api.call_public(text,jsonb) to plane_functions;
grant execute on function api.call_with_key(text,text,jsonb,jsonb,jsonb,text) to anon;
grant execute on function api.call_with_key(text,text,jsonb,jsonb,jsonb,text) to authenticator;
grant execute on function api.call_with_key(text,text,jsonb,jsonb,jsonb,text) to plane_functions;
grant execute on function api.call_with_token(jsonb,text,jsonb,text,jsonb,jsonb) to plane_functions;
grant execute on function api.kernel_with_key(text,text,jsonb) to plane_functions;
grant execute on function api.ping() to plane_functions;
grant execute on function gateway.authenticate(text,text,text) to anon;
grant execute on function gateway.authenticate(text,text,text) to authenticator;
grant execute on function gateway.authenticate(text,text,text) to plane_functions;
grant execute on function gateway.authenticate_person(text,text) to plane_functions;
grant execute on function gateway.link_claims(text) to plane_functions;
grant execute on function gateway.refuse_public(text) to plane_functions;
grant execute on function gateway.show_invitation(jsonb) to plane_functions;
grant execute on function plane._note_secrets_used(uuid,jsonb) to plane_kernel;
grant execute on function plane._overdue(integer,integer,numeric,text[]) to plane_kernel;
grant execute on function plane.load_provider_keys(jsonb) to plane_runner;
grant usage on schema api to plane_functions;
grant usage on schema gateway to plane_functions;
revoke create on schema gateway from plane_gateway;
revoke create on schema plane from plane_kernel;

reset check_function_bodies;
