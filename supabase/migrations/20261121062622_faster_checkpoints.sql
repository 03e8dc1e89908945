-- Made by `make migration NAME=faster_checkpoints` from sql/. Read it, and run the tests.

-- Functions may name each other in any order.
set check_function_bodies = off;

drop function plane.write_state(jsonb,plane.state,jsonb,text,boolean);
drop function plane.execution_json(plane.executions,boolean);
drop function plane._ended_cost(uuid);
drop function plane._end_execution(uuid,text,jsonb,jsonb);
drop function gateway._note_use(plane.api_keys);
grant create on schema gateway to plane_gateway;
grant create on schema plane to plane_kernel;

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
    when 'get_violations' then return plane.get_violations(payload);
    else
      perform plane.raise_error(404, 'unknown_verb', format('There is no kernel verb %s.', verb));
  end case;
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.put_state(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_value  constant jsonb := coalesce(payload -> 'value', 'null');
  v_answer jsonb;
begin
  if not payload ?| array['if_version', 'if_match'] then
    perform plane.check_state_key(payload);
    return plane.write_state(payload, null, v_value, 'put_state', false, true);
  end if;
  while v_answer is null loop
    v_answer := plane.write_state(payload, plane.match_state(payload), v_value, 'put_state', false);
  end loop;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION api.start_execution(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_found   record;
  v_started jsonb;
begin
  if payload ? 'refusal' then
    perform plane.raise_error(422, 'invalid_input', payload -> 'refusal' ->> 'message', null,
      jsonb_build_object('errors', payload -> 'refusal' -> 'errors'));
  end if;
  if payload ? 'which' then
    v_found := plane.find_version(payload -> 'which');
    if (v_found.version).id <> (payload ->> 'version_id')::uuid then
      perform plane.raise_error(409, 'version_moved', 'The workflow has a newer version by now.', 'Start it again: nothing was started.');
    end if;
  end if;
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  v_started := plane.start_execution(payload);
  perform plane.record_audit(case when payload ->> 'restarted_from' is null then 'start_execution' else 'restart_execution' end,
    'executions', v_started ->> 'execution_id', jsonb_strip_nulls(jsonb_build_object('version_id', payload -> 'version_id',
    'agent_id', payload -> 'agent_id', 'restarted_from', payload -> 'restarted_from')));
  -- Nobody has seen it yet, so there is nothing to look up about how it goes.
  return plane.execution_json(plane.find_execution(v_started ->> 'execution_id'), true, jsonb_build_object(
    'status', case when payload ->> 'mode' = 'external' then 'running' else 'queued' end,
    'waiting_for', '[]'::jsonb, 'known_cost_usd', 0::numeric(18, 9)::text)) || jsonb_build_object('due', v_started -> 'due');
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._note_use(p_key_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update plane.api_keys
  set last_used_at = plane.clock()
  where id = (select id from plane.api_keys where id = p_key_id for no key update skip locked);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.authenticate(p_key_hash text, p_fn text)
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
  select id, org_id, kind, scopes, revoked_at, expires_at, last_used_at into v_key
  from plane.api_keys
  where key_hash = case when p_key_hash ~ '^[0-9a-f]{64}$' then sha256(decode(p_key_hash, 'hex')) end;
  if v_key.id is null or v_key.revoked_at is not null or v_key.expires_at <= v_now then
    perform plane.raise_error(401, 'unauthenticated', 'The API key is unknown, revoked or expired.',
      'Send Authorization: Bearer <key> with a valid key.');
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
        format('Use a key of kind %s.', array_to_string(v_verb.kinds, ' or ')));
    elsif v_verb.scope <> '' and v_verb.scope <> all (v_key.scopes) then
      perform plane.raise_error(403, 'missing_scope', format('This needs the scope %s.', v_verb.scope),
        'Use a key that has it, or ask an operator for one.', jsonb_build_object('scope', v_verb.scope));
    end if;
  end if;

  if coalesce(v_key.last_used_at < v_now - interval '1 minute', true) then
    perform gateway._note_use(v_key.id);
  end if;
  return jsonb_build_object(
    'principal', case v_key.kind when 'runner' then 'runner' else 'api_key' end,
    'org_id', v_key.org_id,
    'key_id', v_key.id,
    'key_kind', v_key.kind,
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
      'input', e.input)
    || jsonb_build_object(
      'parent', p_frame.parent_token is not null, 'shard', p_frame.shard,
      'cancel', plane._cancel_cause(p_frame), 'deadline_in_ms', plane._ms_until(p_frame.deadline_at),
      'budget_usd', p_frame.budget_usd, 'spent_usd', p_frame.spent_usd, 'over_budget', plane._over_budget(p_frame),
      'stall', p_frame.stall, 'records_written', p_frame.records, 'in_flight', p_frame.in_flight,
      'lease_ms', plane._ms_until(p_frame.due_at), 'now', plane.clock(),
      'finish', p_frame.last_checkpoint -> 'finish',
      'records', v_records, 'waits', v_waits)
    from plane.executions as e
    join plane.workflow_versions as v on v.id = e.version_id
    join plane.workflows as w on w.id = e.workflow_id
    where e.id = p_frame.execution_id);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._end_executions(p_execution_ids uuid[], p_finishes jsonb[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  v_now constant timestamptz := plane.clock();
begin
  with ended as (
    update plane.executions as e
    set
      status = finish ->> 'status',
      output = nullif(finish -> 'output', 'null'),
      error = nullif(finish -> 'error', 'null'),
      ended_at = v_now,
      cost_usd = case when not (own.is_unknown or children.is_unknown) then own.cost + children.cost end,
      known_cost_usd = own.cost + children.cost
    from unnest(p_execution_ids, p_finishes) as f (execution_id, finish)
    cross join lateral (
      select coalesce(sum(c.cost_usd), 0) as cost, coalesce(bool_or(c.is_cost_unknown), false) as is_unknown
      from plane.checkpoints as c
      where c.execution_id = f.execution_id and not c.is_carried
    ) as own
    cross join lateral (
      select coalesce(sum(c.known_cost_usd), 0) as cost, coalesce(bool_or(c.cost_usd is null), false) as is_unknown
      from plane.executions as c
      where c.parent_execution_id = f.execution_id
    ) as children
    where e.id = f.execution_id and e.status = 'running'
    returning e.*
  )
  insert into plane.events (org_id, execution_id, at, type, data)
  select org_id, id, v_now, 'execution.' || status,
    jsonb_strip_nulls(jsonb_build_object('code', error -> 'code', 'message', error -> 'message', 'gen', gen))
  from ended;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._fence_below(p_frame plane.frames)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_frame plane.frames;
  v_left  int;
begin
  for v_frame in
    select f.*
    from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame) as b
    join plane.frames as f using (execution_id, frame)
    order by f.depth desc, f.execution_id, f.frame
    for no key update of f skip locked
  loop
    perform plane._close_waits_of(v_frame.execution_id, v_frame.frame);
    update plane.frames
    set epoch = epoch + 1, status = 'done', due_at = plane.clock() + interval '10 minutes', claim_ref = null, owner = null
    where execution_id = v_frame.execution_id and frame = v_frame.frame;
    update plane.waits
    set pending = pending - 1
    where execution_id = v_frame.parent_execution_id and token = v_frame.parent_token and pending > 0;
    if v_frame.frame = '' then
      perform plane._end_executions(array[v_frame.execution_id], array[jsonb
        '{"status": "cancelled", "error": {"code": "cancelled", "message": "It did not stop within the grace and was cut off."}}']);
    end if;
  end loop;

  select count(*) into v_left from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame);
  return v_left;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._find_conflicts(p_records jsonb, p_written text[])
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return array(
    select sent.path
    from (
      select r ->> 'path' as path, ord, row_number() over (partition by r ->> 'path' order by ord) as copy
      from jsonb_array_elements(p_records) with ordinality as e (r, ord)
    ) as sent
    where sent.copy > 1 or sent.path <> all (coalesce(p_written, '{}'))
    order by sent.ord);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._finish(p_frame plane.frames, p_finish jsonb, p_lease_seconds numeric)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_live   int;
  v_due    jsonb := '[]';
  v_parent jsonb := '{}';
begin
  select count(*) into v_live from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame);
  if v_live > 0 and p_frame.cancel_grace_until <= plane.clock() then
    v_live := plane._fence_below(p_frame);
  elsif v_live > 0 then
    v_due := plane._cancel_below(p_frame);
  end if;
  if v_live > 0 then
    update plane.frames
    set cancel_grace_until = coalesce(cancel_grace_until, plane.clock() + interval '10 seconds')
    where execution_id = p_frame.execution_id and frame = p_frame.frame;
    return jsonb_build_object('status', 'waiting', 'due', v_due, 'draining', v_live, 'finish', p_finish);
  end if;

  perform plane._close_waits_of(p_frame.execution_id, p_frame.frame);
  if p_frame.frame = '' then
    perform plane._end_executions(array[p_frame.execution_id], array[p_finish]);
  end if;
  if p_frame.parent_token is not null then
    v_parent := plane._count_down(p_frame, p_finish, p_lease_seconds);
  end if;
  return jsonb_build_object('status', 'done', 'due', v_due, 'draining', 0) || v_parent;
end;
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

CREATE OR REPLACE FUNCTION plane.caller_org()
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
  -- No query: each statement that a policy guards comes through here.
  return case when v_claims ->> 'principal' in ('api_key', 'runner') then (v_claims ->> 'org_id')::uuid end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.cancel_execution(p_execution_id uuid)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution plane.executions := plane._require_execution(p_execution_id);
  v_due       jsonb;
begin
  perform plane._check_isolation();
  if v_execution.mode = 'engine' then
    perform plane._lock_below(v_execution.root_execution_id, p_execution_id, '');
    perform from plane.frames where execution_id = p_execution_id and frame = '' for no key update;
    select * into v_execution from plane.executions where id = p_execution_id;
  else
    select * into v_execution from plane.executions where id = p_execution_id for no key update;
  end if;
  if v_execution.status = 'cancelled' then
    return jsonb_build_object('status', 'cancelled', 'due', '[]'::jsonb);
  elsif v_execution.status <> 'running' then
    perform plane.raise_error(409, 'already_ended', format('The execution is %s already.', v_execution.status), 'Read it to see how.');
  end if;

  if v_execution.mode = 'external' then
    perform plane._end_executions(array[p_execution_id], array[jsonb '{"status": "cancelled", "error": {"code": "cancelled", "message": "It was cancelled."}}']);
    return jsonb_build_object('status', 'cancelled', 'due', '[]'::jsonb);
  end if;
  if v_execution.cancel_requested_at is null then
    perform plane._record_event(v_execution.org_id, p_execution_id, 'cancel.requested', null,
      jsonb_build_object('by', plane.caller_key()));
  end if;
  select plane._cancel_frames(array_agg(k.execution_id), array_agg(k.frame)) into v_due
  from (
    select p_execution_id as execution_id, '' as frame
    union all
    select b.execution_id, b.frame from plane._below(v_execution.root_execution_id, p_execution_id, '') as b
  ) as k;
  return jsonb_build_object('status', 'running', 'due', v_due);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.check_state_key(payload jsonb)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if coalesce(char_length(payload ->> 'component'), 0) not between 1 and 200
    or coalesce(char_length(payload ->> 'key'), 0) not between 1 and 500 then
    perform plane.raise_error(422, 'invalid_input', 'A component has 1 to 200 characters and a key 1 to 500.',
      'Shorten it, for example by a hash.');
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.checkpoint(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution constant uuid := (p ->> 'execution_id')::uuid;
  v_name      constant text := coalesce(p ->> 'frame', '');
  v_seq       constant bigint := (p ->> 'seq')::bigint;
  v_has_waits constant boolean := coalesce(jsonb_array_length(p -> 'open') > 0 or jsonb_array_length(p -> 'close') > 0, false);
  v_frame     plane.frames;
  v_written   record;
  v_step      jsonb;
begin
  perform plane._check_isolation();
  if p ->> 'next' = 'done' or v_has_waits then
    perform plane._lock_for_checkpoint(p, v_execution, v_name);
  end if;

  select * into v_frame from plane.frames where execution_id = v_execution and frame = v_name for no key update;
  if v_frame.epoch = (p ->> 'epoch')::bigint and v_frame.seq = v_seq and v_frame.last_checkpoint is not null then
    return plane._checkpointed(v_frame, true);
  end if;
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) or v_seq is distinct from v_frame.seq + 1 then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  select * into v_written from plane._record_steps(v_frame, v_seq, coalesce(p -> 'records', '[]'));
  v_frame.spent_usd := v_frame.spent_usd + v_written.cost;
  if coalesce(p ->> 'next', 'running') = 'running' and not v_has_waits and not v_frame.has_answers
    and coalesce(v_frame.wait_deadline > plane.clock(), true)
  then
    v_step := jsonb_build_object('status', 'running', 'due', '[]'::jsonb, 'conflicts', v_written.conflicts);
  else
    v_step := plane._move_on(v_frame, p) || jsonb_build_object('conflicts', v_written.conflicts);
  end if;
  v_frame := plane._write_frame(v_frame, p, v_step, v_written.written);
  return plane._checkpointed(v_frame, false);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.claim(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_ref    text := p ->> 'claim_ref';
  v_lease  numeric := coalesce((p ->> 'lease_seconds')::numeric, 30);
  v_known  jsonb := coalesce(p -> 'known', '[]');
  v_frame  plane.frames;
begin
  perform plane._check_isolation();
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '')
  for no key update;

  if not found or v_frame.status = 'done' then
    return jsonb_build_object('ok', false, 'reason', 'gone', 'retry_in_ms', null);
  end if;
  if v_frame.queue <> p ->> 'queue' then
    return jsonb_build_object('ok', false, 'reason', 'wrong_queue', 'retry_in_ms', null, 'queue', v_frame.queue);
  end if;
  if v_frame.claim_ref = v_ref and v_frame.status in ('running', 'ready') then
    return plane._claimed(plane._renew(v_frame, v_lease), v_known);
  end if;
  if v_frame.status in ('running', 'waiting') and v_frame.due_at > plane.clock() then
    return jsonb_build_object(
      'ok', false,
      'reason', case v_frame.status when 'running' then 'busy' else 'not_due' end,
      'retry_in_ms', plane._ms_until(v_frame.due_at));
  end if;

  v_frame := plane._hold(v_frame, v_ref, p ->> 'owner', v_lease);
  return plane._claimed(v_frame, v_known);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.end_external_execution(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution plane.executions := plane._require_execution((p ->> 'execution_id')::uuid);
begin
  select * into v_execution from plane.executions where id = v_execution.id for no key update;
  if v_execution.mode <> 'external' then
    perform plane.raise_error(409, 'not_external', 'The engine runs this execution; its status is not reported.', 'Cancel it instead.');
  elsif coalesce(p ->> 'status', '') not in ('succeeded', 'failed', 'cancelled') then
    perform plane.raise_error(422, 'invalid_status', 'An external execution ends as succeeded, failed or cancelled.');
  elsif v_execution.status <> 'running' then
    return jsonb_build_object('status', v_execution.status, 'is_new', false);
  end if;
  perform plane._end_executions(array[v_execution.id], array[p]);
  if p ? 'cost_usd' then
    update plane.executions
    set cost_usd = (p ->> 'cost_usd')::numeric, known_cost_usd = coalesce((p ->> 'cost_usd')::numeric, 0)
    where id = v_execution.id;
  end if;
  return jsonb_build_object('status', p -> 'status', 'is_new', true);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.execution_json(p_execution plane.executions, p_whole boolean, p_now jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_leaves_input  constant boolean := not p_whole and octet_length(p_execution.input::text) > 8192;
  v_leaves_output constant boolean := not p_whole and coalesce(octet_length(p_execution.output::text), 0) > 8192;
  v_now           constant jsonb := coalesce(p_now, jsonb_build_object(
    'status', plane.execution_status(p_execution),
    'waiting_for', case when p_execution.status = 'running' then plane.waiting_for(p_execution) else '[]' end,
    'known_cost_usd', coalesce(p_execution.known_cost_usd, case when p_whole then plane.known_cost(p_execution) end)::text));
begin
  return jsonb_build_object(
    'id', p_execution.id,
    'workflow', (select w.name from plane.workflows as w where w.id = p_execution.workflow_id),
    'workflow_id', p_execution.workflow_id,
    'version', (select v.version from plane.workflow_versions as v where v.id = p_execution.version_id),
    'version_id', p_execution.version_id,
    'mode', p_execution.mode,
    'gen', p_execution.gen,
    'input', case when not v_leaves_input then p_execution.input end,
    'output', case when not v_leaves_output then p_execution.output end,
    'left_out', to_jsonb(array_remove(array[
      case when v_leaves_input then 'input' end, case when v_leaves_output then 'output' end], null)),
    'error', p_execution.error,
    'agent_id', p_execution.agent_id,
    'executed_with_model', p_execution.executed_with_model,
    'cost_usd', p_execution.cost_usd::text,
    'parent_execution_id', p_execution.parent_execution_id,
    'parent_path', p_execution.parent_path,
    'restarted_from', p_execution.restarted_from,
    'created_at', p_execution.created_at,
    'deadline_at', p_execution.deadline_at,
    'cancel_requested_at', p_execution.cancel_requested_at,
    'ended_at', p_execution.ended_at
  ) || v_now;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.match_state(payload jsonb)
 RETURNS plane.state
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_expected constant bigint := (payload ->> 'if_version')::bigint;
  v_tag      constant text := payload ->> 'if_match';
  v_state    plane.state;
  v_version  bigint := 0;
begin
  perform plane.check_state_key(payload);
  select * into v_state
  from plane.state
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
  for update;
  if v_state.expires_at <= plane.clock() then
    v_state := null;
  end if;
  v_version := coalesce(v_state.version, 0);

  if v_expected <> v_version then
    perform plane.raise_error(409, 'state_version_conflict',
      format('Expected version %s of %s/%s, the current one is %s.', v_expected, payload ->> 'component', payload ->> 'key', v_version),
      'Read it again, apply your change, and send if_version with the version that you read.',
      jsonb_build_object('expected_version', v_expected, 'current_version', v_version));
  end if;
  if v_tag is not null
    and (v_version = 0 or v_tag not in ('*', plane.state_etag(v_state.version, v_state.updated_at))) then
    perform plane.raise_error(412, 'precondition_failed',
      format('%s/%s is not the one that If-Match names; its version is %s.', payload ->> 'component', payload ->> 'key', v_version),
      'Read it again and send the ETag of that answer.', jsonb_build_object('current_version', v_version));
  end if;
  return v_state;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.move_together(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_checkpoints jsonb := '[]';
  v_claims      jsonb := '[]';
begin
  perform plane._check_isolation();
  if p -> 'checkpoints' <> '[]' then
    v_checkpoints := plane._plain_checkpoints(p -> 'checkpoints');
  end if;
  if p -> 'claims' <> '[]' then
    v_claims := plane._plain_claims(p -> 'claims');
  end if;
  return jsonb_build_object('checkpoints', v_checkpoints, 'claims', v_claims);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.record_audit(p_action text, p_resource text, p_resource_id text, p_details jsonb DEFAULT '{}'::jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims constant jsonb := plane.caller_claims();
begin
  insert into plane.audit_entries (org_id, actor_kind, actor_id, action, resource, resource_id, details)
  values (
    plane.caller_org(),
    case when v_claims ->> 'key_kind' in ('runner', 'operator') then v_claims ->> 'key_kind' else 'api_key' end,
    (v_claims ->> 'key_id')::uuid,
    p_action, p_resource, p_resource_id, coalesce(p_details, '{}'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_agent(p_agent_id uuid, p_pointer text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_agent_id is null then
    return;
  elsif exists (select from plane.agents where id = p_agent_id and org_id = plane.caller_org()) then
    return;
  end if;
  perform plane.raise_error(422, 'unknown_agent', format('there is no agent %s', p_agent_id),
    'Register it with POST /api/agents and use the id of the answer.',
    jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
      'pointer', p_pointer, 'code', 'unknown_agent', 'message', format('there is no agent %s', p_agent_id)))));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.state_etag(p_version bigint, p_updated_at timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return p_version || '-' || to_hex((extract(epoch from p_updated_at) * 1000000)::bigint);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.state_json(p_state plane.state)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'component', p_state.component,
    'key', p_state.key,
    'value', p_state.value,
    'version', p_state.version,
    'agent_id', p_state.agent_id,
    'expires_at', p_state.expires_at,
    'created_at', p_state.created_at,
    'updated_at', p_state.updated_at,
    'etag', plane.state_etag(p_state.version, p_state.updated_at));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.write_state(payload jsonb, p_old plane.state, p_value jsonb, p_action text, p_keeps_expiry boolean, p_replaces boolean DEFAULT false)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_max_bytes constant int := 262144;
  v_now       constant timestamptz := plane.clock();
  v_expires   timestamptz := coalesce(
    (payload ->> 'expires_at')::timestamptz, v_now + make_interval(secs => (payload ->> 'expires_in_seconds')::float8));
  v_state     plane.state;
begin
  if v_expires <= v_now then
    perform plane.raise_error(422, 'invalid_input', format('/expires_at: %s is over.', plane.time_text(v_expires)),
      'Give a time to come, or delete the value.', jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
        'pointer', '/expires_at', 'code', 'out_of_range', 'message', 'The time is over.', 'hint', 'Give a time to come, or delete the value.'))));
  end if;
  if octet_length(p_value::text) > c_max_bytes then
    perform plane.raise_error(413, 'state_value_too_large',
      format('The value has %s bytes as JSON; at most %s are kept under one key.', octet_length(p_value::text), c_max_bytes),
      'Split it over several keys, or store it elsewhere and keep a reference.', jsonb_build_object('max_bytes', c_max_bytes));
  end if;
  perform plane.note_agent((payload ->> 'agent_id')::uuid);
  if p_keeps_expiry and v_expires is null then
    v_expires := p_old.expires_at;
  end if;

  insert into plane.state as s (org_id, component, key, value, agent_id, expires_at, created_at, updated_at)
  values (plane.caller_org(), payload ->> 'component', payload ->> 'key', p_value, (payload ->> 'agent_id')::uuid,
    v_expires, v_now, v_now)
  on conflict (org_id, component, key) do update
  set
    value = excluded.value,
    version = s.version + 1,
    agent_id = coalesce(excluded.agent_id, s.agent_id),
    expires_at = excluded.expires_at,
    created_at = case when p_old.key is null and s.expires_at <= v_now then v_now else s.created_at end,
    updated_at = v_now
  where p_replaces or p_old.key is not null or s.expires_at <= v_now
  returning * into v_state;
  if not found then
    return null;
  end if;

  perform plane.record_audit(p_action, 'state', v_state.component || '/' || v_state.key,
    jsonb_build_object('version', v_state.version));
  return plane.state_json(v_state) || jsonb_build_object('is_created', p_old.key is null and v_state.created_at = v_now);
end;
$function$;

alter function gateway._note_use(uuid) owner to plane_gateway;
alter function plane.move_together(jsonb) owner to plane_kernel;
grant execute on function plane._end_executions(uuid[],jsonb[]) to plane_kernel;
grant execute on function plane._find_conflicts(jsonb,text[]) to plane_kernel;
grant execute on function plane._plain_checkpoints(jsonb) to plane_kernel;
grant execute on function plane._plain_claims(jsonb) to plane_kernel;
grant execute on function plane.check_state_key(jsonb) to authenticated;
grant execute on function plane.check_state_key(jsonb) to plane_kernel;
grant execute on function plane.execution_json(plane.executions,boolean,jsonb) to authenticated;
grant execute on function plane.execution_json(plane.executions,boolean,jsonb) to plane_kernel;
grant execute on function plane.move_together(jsonb) to plane_runner;
grant execute on function plane.write_state(jsonb,plane.state,jsonb,text,boolean,boolean) to authenticated;
grant execute on function plane.write_state(jsonb,plane.state,jsonb,text,boolean,boolean) to plane_kernel;
revoke create on schema gateway from plane_gateway;
revoke create on schema plane from plane_kernel;

reset check_function_bodies;
