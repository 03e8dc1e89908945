-- Made by `make migration NAME=control_plane` from sql/. Read it, and run the tests.

-- The roles. Supabase brings authenticator, anon and authenticated; a plain Postgres gets the same ones here.
--
-- authenticator   logs in, owns nothing, may only become one of the others
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
  foreach v_role in array array['anon', 'authenticated', 'plane_runner', 'plane_kernel', 'plane_gateway', 'plane_auditor', 'plane_eraser'] loop
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

-- The direct path has no function-level timeouts, so they stand on the role that logs in.
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '2s';
alter role authenticator set idle_in_transaction_session_timeout = '5s';

-- pgvector, where the server has it and this role may create it. Without it memory is searched by text alone, and says so.
create schema if not exists extensions;

do $$
begin
  if exists (select from pg_catalog.pg_available_extensions where name = 'vector')
    and not exists (select from pg_catalog.pg_extension where extname = 'vector') then
    create extension vector schema extensions;
    -- The functions of an extension that this role creates are nobody's by default, as all its functions are.
    grant execute on all functions in schema extensions to public;
  end if;
exception
  when insufficient_privilege then
    raise notice 'pgvector is there but may not be created: memory will be searched by text alone';
end;
$$;

-- Functions may name each other in any order.
set check_function_bodies = off;

revoke insert on table plane.audit_entries from authenticated;
drop policy "callers read their own answers" on plane.idempotency;
drop policy "callers keep their own answers" on plane.idempotency;
drop policy "callers complete their own answers" on plane.idempotency;
drop policy "callers add to their organisation's audit" on plane.audit_entries;
drop view plane.violations;
alter table plane.waits drop constraint waits_kind_is_known;
alter table plane.audit_entries drop constraint audit_entries_actor_kind_check;
drop function plane.write_state(jsonb,plane.state,jsonb,text,boolean,boolean);
drop function plane.record_audit(text,text,text,jsonb);
drop function plane._require_decider();
drop function gateway.create_runner_key(text,text);
drop function gateway._note_use(uuid);
drop function api.call_with_key(text,text,jsonb,jsonb);
grant create on schema gateway to plane_eraser;
grant create on schema gateway to plane_gateway;
grant create on schema plane to plane_auditor;
grant create on schema plane to plane_kernel;
create sequence plane.fencing_token;

create table gateway.chore_runs (
  name text not null,
  ran_at timestamp with time zone not null,
  took_ms integer not null,
  failed_at timestamp with time zone,
  failures integer default 0 not null
);

create table gateway.settings (
  name text not null,
  value jsonb not null
);

create table plane.agent_records (
  org_id uuid not null,
  agent_id uuid not null,
  succeeded integer not null,
  failed integer not null,
  p50_ms bigint,
  mean_usd numeric(18,9),
  last_error text,
  ended_at timestamp with time zone not null,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.agent_terms (
  org_id uuid not null,
  kind text not null,
  term text collate "C" not null,
  agent_id uuid not null,
  weight real default 1 not null
);

create table plane.audit_heads (
  org_id uuid not null,
  seq bigint default 0 not null,
  hash text default repeat('0'::text, 64) not null
);

create table plane.audit_salts (
  org_id uuid not null,
  salt bytea default sha256(convert_to(((gen_random_uuid())::text || (gen_random_uuid())::text), 'UTF8'::name)) not null
);

create table plane.audit_seals (
  org_id uuid not null,
  seq bigint not null,
  entry_id bigint not null,
  text text not null,
  hash text not null,
  sealed_at timestamp with time zone default plane.clock() not null
);

create table plane.budgets (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  scope text not null,
  workflow_id uuid,
  agent_id uuid,
  period text not null,
  limit_usd numeric(18,9) not null,
  on_reached text not null,
  warn_at numeric(4,3),
  created_by jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null,
  warned_on date,
  reached_on date,
  raised_on date,
  raised_usd numeric(18,9) default 0 not null,
  stopped_on date,
  escalation_id uuid,
  watched_at timestamp with time zone default '-infinity'::timestamp with time zone not null
);

create table plane.erasures (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  kind text not null,
  subject uuid not null,
  label text not null,
  names text[] default '{}'::text[] not null,
  requested_by jsonb not null,
  requested_at timestamp with time zone default plane.clock() not null,
  place jsonb,
  row_count bigint default 0 not null,
  audit_head jsonb,
  finished_at timestamp with time zone
);

create table plane.escalation_comments (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  escalation_id uuid not null,
  author jsonb not null,
  text text not null,
  created_at timestamp with time zone default plane.clock() not null
);

create table plane.escalation_links (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  escalation_id uuid not null,
  user_id uuid not null,
  token_hash bytea not null,
  created_by jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone
);

create table plane.escalation_mails (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  escalation_id uuid not null,
  user_id uuid not null,
  attempts integer default 0 not null,
  due_at timestamp with time zone default plane.clock() not null,
  sent_at timestamp with time zone,
  given_up_at timestamp with time zone,
  error text,
  created_at timestamp with time zone default plane.clock() not null
);

create table plane.escalations (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  kind text not null,
  status text default 'open'::text not null,
  priority text default 'normal'::text not null,
  rank smallint default 2 not null,
  reason text not null,
  context jsonb default '{}'::jsonb not null,
  form jsonb default '{}'::jsonb not null,
  outcomes text[] default '{}'::text[] not null,
  assign_to jsonb default '[]'::jsonb not null,
  quorum integer default 1 not null,
  needs_aal2 boolean default false not null,
  not_requester boolean,
  answerable_by text default 'people'::text not null,
  execution_id uuid,
  wait_token text,
  path text,
  workflow_id uuid,
  agent_id uuid,
  created_by jsonb not null,
  requester_id uuid,
  claimed_by jsonb,
  votes jsonb default '[]'::jsonb not null,
  deadline timestamp with time zone,
  on_timeout text,
  outcome text,
  answer jsonb,
  comment text,
  decided_by jsonb,
  created_at timestamp with time zone default plane.clock() not null,
  decided_at timestamp with time zone,
  announced_at timestamp with time zone
);

create table plane.event_feeds (
  org_id uuid not null,
  reader text not null,
  xid xid8 not null,
  feed_id bigint default 0 not null,
  read_at timestamp with time zone default plane.clock() not null
);

create table plane.event_triggers (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  name text not null,
  event text not null,
  match jsonb default '{}'::jsonb not null,
  target jsonb not null,
  is_enabled boolean default true not null,
  since_xid xid8 not null,
  created_by jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.handoffs (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  from_agent_id uuid,
  to_agent_id uuid,
  match jsonb,
  workflow_id uuid,
  execution_id uuid,
  wait_token text,
  path text,
  packet jsonb,
  context jsonb default '{}'::jsonb not null,
  reason text,
  status text default 'pending'::text not null,
  agent_id uuid,
  taken_by jsonb,
  token_hash bytea,
  fence bigint,
  lease_until timestamp with time zone,
  attempts integer default 0 not null,
  max_attempts integer default 3 not null,
  deadline_at timestamp with time zone,
  output_data jsonb,
  error jsonb,
  parent_id uuid,
  hops integer default 0 not null,
  created_by jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null,
  accepted_at timestamp with time zone,
  completed_at timestamp with time zone
);

create table plane.hooks (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  name text not null,
  token text not null,
  scheme text not null,
  verification jsonb default '{}'::jsonb not null,
  target jsonb not null,
  is_enabled boolean default true not null,
  secret jsonb not null,
  former_secret jsonb,
  former_until timestamp with time zone,
  created_by jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.interpretations (
  org_id uuid not null,
  hash bytea not null,
  answer jsonb not null,
  model text not null,
  cost_usd numeric(18,9),
  created_at timestamp with time zone default plane.clock() not null,
  expires_at timestamp with time zone not null
);

create table plane.invitations (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  email text not null,
  role text not null,
  token_hash bytea not null,
  created_by jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  expires_at timestamp with time zone not null,
  accepted_at timestamp with time zone,
  accepted_by uuid,
  revoked_at timestamp with time zone
);

create table plane.locks (
  org_id uuid not null,
  component text not null,
  key text not null,
  token bigint not null,
  holder text,
  agent_id uuid,
  acquired_at timestamp with time zone not null,
  lease_until timestamp with time zone not null
);

create table plane.members (
  org_id uuid not null,
  user_id uuid not null,
  email text not null,
  role text not null,
  may_decide_by_mail boolean default false not null,
  joined_at timestamp with time zone default plane.clock() not null,
  last_seen_at timestamp with time zone,
  removed_at timestamp with time zone
);

create table plane.memories (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  namespace text not null,
  key text,
  content text not null,
  metadata jsonb default '{}'::jsonb not null,
  agent_id uuid,
  words tsvector generated always as (to_tsvector('english'::regconfig, content)) stored not null,
  embedding real[],
  embedding_model text,
  expires_at timestamp with time zone,
  created_by jsonb,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.meters (
  org_id uuid not null,
  xid xid8 default '0'::xid8 not null,
  floor_at timestamp with time zone default '-infinity'::timestamp with time zone not null,
  floor_feed bigint default 0 not null,
  next_xid xid8,
  next_at timestamp with time zone,
  next_feed bigint,
  metered_at timestamp with time zone default '-infinity'::timestamp with time zone not null,
  measured_at timestamp with time zone default '-infinity'::timestamp with time zone not null
);

create table plane.policies (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  name text not null,
  effect text not null,
  kind text not null,
  pattern text not null,
  workflows text[] default '{}'::text[] not null,
  agents text[] default '{}'::text[] not null,
  priority integer default 0 not null,
  reason text,
  is_enabled boolean default true not null,
  created_by jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.quota_counts (
  org_id uuid not null,
  name text not null,
  used bigint,
  counted_at timestamp with time zone,
  reached_on date
);

create table plane.quotas (
  org_id uuid not null,
  name text not null,
  max_value bigint,
  updated_at timestamp with time zone default plane.clock() not null
);

create unlogged table plane.rate_buckets (
  org_id uuid not null,
  kind text not null,
  subject text not null,
  tokens double precision not null,
  refilled_at timestamp with time zone not null,
  counted bigint default 0 not null
);

create table plane.rate_limits (
  org_id uuid not null,
  kind text not null,
  subject text default '*'::text not null,
  quota integer,
  window_seconds integer default 60 not null,
  burst integer,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.retention (
  org_id uuid not null,
  payload_days integer,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.schedule_firings (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  schedule_id uuid not null,
  fire_at timestamp with time zone not null,
  is_manual boolean default false not null,
  outcome text not null,
  reason text,
  count integer default 1 not null,
  until timestamp with time zone,
  version_id uuid,
  input jsonb,
  error jsonb,
  execution_id uuid,
  is_open boolean default false not null,
  created_at timestamp with time zone default plane.clock() not null
);

create table plane.schedules (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  name text not null,
  workflow text not null,
  version integer,
  input jsonb default '{}'::jsonb not null,
  cron text not null,
  timezone text default 'UTC'::text not null,
  catch_up text default 'last'::text not null,
  max_catch_up integer default 10 not null,
  overlap text default 'allow'::text not null,
  jitter_seconds integer default 0 not null,
  starts_at timestamp with time zone,
  ends_at timestamp with time zone,
  status text default 'active'::text not null,
  next_fire_at timestamp with time zone,
  due_at timestamp with time zone,
  claim_ref uuid,
  last_fire_at timestamp with time zone,
  created_by jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.secrets (
  org_id uuid not null,
  name text not null,
  version integer default 1 not null,
  sealed jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null,
  last_used_at timestamp with time zone,
  updated_by jsonb not null
);

create table plane.spent_days (
  org_id uuid not null,
  day date not null,
  workflow_id uuid not null,
  agent_id uuid default '00000000-0000-0000-0000-000000000000'::uuid not null,
  cost_usd numeric(18,9) default 0 not null,
  calls bigint default 0 not null,
  unknown_calls bigint default 0 not null
);

create table plane.state_history (
  org_id uuid not null,
  component text not null,
  key text not null,
  version bigint not null,
  value jsonb not null,
  agent_id uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  ended_at timestamp with time zone not null,
  ended_by text not null
);

create table plane.template_ratings (
  org_id uuid not null,
  template text not null,
  rater_id uuid not null,
  rated_by jsonb not null,
  stars smallint not null,
  comment text,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null
);

create table plane.template_uses (
  org_id uuid not null,
  id bigint generated always as identity not null,
  template text not null,
  template_version integer not null,
  workflow_id uuid not null,
  workflow_version integer not null,
  used_by jsonb not null,
  used_at timestamp with time zone default plane.clock() not null
);

create table plane.templates (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  name text not null,
  version integer not null,
  title text not null,
  description text,
  tags text[] default '{}'::text[] not null,
  definition text not null,
  content_hash text not null,
  lineage jsonb,
  published_by jsonb not null,
  created_at timestamp with time zone default plane.clock() not null
);

create table plane.trigger_messages (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  hook_id uuid,
  trigger_id uuid,
  message_id text not null,
  headers jsonb default '{}'::jsonb not null,
  body jsonb not null,
  hops integer default 0 not null,
  status text default 'pending'::text not null,
  attempts integer default 0 not null,
  due_at timestamp with time zone default plane.clock() not null,
  claim_ref uuid,
  execution_id uuid,
  event_id bigint,
  error jsonb,
  received_at timestamp with time zone default plane.clock() not null,
  handled_at timestamp with time zone
);

create table plane.usage_days (
  org_id uuid not null,
  day date not null,
  metric text not null,
  value numeric default 0 not null
);

create table plane.webhook_deliveries (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  webhook_id uuid not null,
  feed_id bigint not null,
  event_type text not null,
  status text default 'pending'::text not null,
  attempts integer default 0 not null,
  next_attempt_at timestamp with time zone default plane.clock() not null,
  claim_ref uuid,
  history jsonb default '[]'::jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  ended_at timestamp with time zone
);

create table plane.webhooks (
  id uuid default gen_random_uuid() not null,
  org_id uuid not null,
  url text not null,
  description text,
  events text[] not null,
  status text default 'enabled'::text not null,
  disabled_reason text,
  secret jsonb not null,
  former_secret jsonb,
  former_until timestamp with time zone,
  since_xid xid8 not null,
  failures integer default 0 not null,
  failing_since timestamp with time zone,
  created_by jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default plane.clock() not null,
  updated_at timestamp with time zone default plane.clock() not null
);
alter table plane.agents add column card_url text;
alter table plane.agents add column noted_health text default 'active'::text not null;
alter table plane.agents add column noted_at timestamp with time zone default plane.clock() not null;
alter table plane.api_keys add column rotated_from uuid;
alter table plane.api_keys add column rotated_to uuid;
alter table plane.audit_entries add column before_hash text;
alter table plane.audit_entries add column after_hash text;
alter table plane.audit_entries add column on_behalf jsonb;
alter table plane.audit_entries add column labels jsonb;
alter table plane.audit_entries add column trace_id text;
alter table plane.audit_entries add column nonce uuid default gen_random_uuid();
alter table plane.audit_entries add column erased_in bigint;
alter table plane.audit_entries add column seq bigint;
alter table plane.executions add column payloads_dropped_at timestamp with time zone;
alter table gateway.verbs alter column kinds set default '{agent,operator,person}'::text[];

CREATE OR REPLACE FUNCTION api.accept_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
  v_agent   constant uuid := plane.require_addressee(v_handoff, (payload ->> 'agent_id')::uuid);
begin
  if v_handoff.status <> 'pending' then
    perform plane.refuse_handoff_state(v_handoff, 'accepted');
  end if;
  if v_handoff.to_agent_id is null then
    perform plane.refuse_handoff_loop(v_handoff.parent_id, v_handoff.from_agent_id, v_agent, v_handoff.hops);
  end if;
  update plane.handoffs
  set
    status = 'accepted',
    agent_id = v_agent,
    taken_by = plane.caller_actor(),
    attempts = attempts + 1,
    updated_at = plane.clock(),
    accepted_at = plane.clock()
  where id = v_handoff.id
  returning * into v_handoff;
  perform plane.note_handoff(v_handoff, 'accept_handoff', 'accepted');
  return plane.handoff_json(v_handoff);
end;
$function$;

CREATE OR REPLACE FUNCTION api.accept_invitation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_accepted constant jsonb := gateway.accept_invitation(payload);
  v_member   constant plane.members := jsonb_populate_record(null::plane.members, v_accepted -> 'member');
begin
  perform set_config('request.jwt.claims', (v_accepted -> 'claims')::text, true); -- a member from here on
  if (v_accepted ->> 'has_joined')::boolean then
    perform plane.check_quota('members');
    perform plane.record_audit('accept_invitation', 'members', v_member.user_id::text,
      jsonb_build_object('invitation_id', v_accepted -> 'invitation_id', 'role', v_member.role));
    perform plane.note_event('member.joined', jsonb_build_object(
      'user_id', v_member.user_id, 'email', v_member.email, 'role', v_member.role));
  end if;
  return jsonb_build_object(
    'organisation', (select jsonb_build_object('id', o.id, 'name', o.name) from plane.organisations as o where o.id = v_member.org_id),
    'member', plane.member_json(v_member));
end;
$function$;

CREATE OR REPLACE FUNCTION api.call_as_person(fn text, payload jsonb DEFAULT '{}'::jsonb, organisation text DEFAULT NULL::text, idempotency jsonb DEFAULT NULL::jsonb, lease jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET statement_timeout TO '8s'
 SET lock_timeout TO '2s'
AS $function$
declare
  v_claims constant jsonb := gateway.authenticate_person(coalesce(fn, ''), organisation);
begin
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  return gateway._call_verb(fn, payload, idempotency, lease);
end;
$function$;

CREATE OR REPLACE FUNCTION api.call_public(verb text, payload jsonb DEFAULT '{}'::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET statement_timeout TO '8s'
 SET lock_timeout TO '2s'
AS $function$
declare
  v_claims jsonb;
begin
  perform set_config('request.jwt.claims', '', true);
  case verb
    when 'show_invitation' then return gateway.show_invitation(payload);
    when 'open_link' then
      v_claims := gateway.link_claims(payload ->> 'token_hash');
      perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
      return jsonb_build_object(
        'escalation', api.get_escalation(jsonb_build_object('id', v_claims -> 'escalation_id')),
        'email', v_claims -> 'email', 'organisation', v_claims -> 'organisation', 'expires_at', v_claims -> 'expires_at');
    when 'answer_link' then
      v_claims := gateway.link_claims(payload ->> 'token_hash');
      perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
      perform plane.use_link();
      return api.resolve_escalation(payload - 'token_hash' || jsonb_build_object('id', v_claims -> 'escalation_id'));
    else return gateway.refuse_public(verb);
  end case;
end;
$function$;

CREATE OR REPLACE FUNCTION api.call_with_key(key_hash text, fn text, payload jsonb DEFAULT '{}'::jsonb, idempotency jsonb DEFAULT NULL::jsonb, lease jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET statement_timeout TO '8s'
 SET lock_timeout TO '2s'
AS $function$
declare
  v_claims jsonb := gateway.authenticate(key_hash, coalesce(fn, ''));
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

CREATE OR REPLACE FUNCTION api.call_with_token(claims jsonb, fn text, payload jsonb DEFAULT '{}'::jsonb, organisation text DEFAULT NULL::text, idempotency jsonb DEFAULT NULL::jsonb, lease jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET statement_timeout TO '8s'
 SET lock_timeout TO '2s'
AS $function$
declare
  v_claims jsonb;
begin
  perform set_config('request.jwt.claims', claims::text, true);
  v_claims := gateway.authenticate_person(coalesce(fn, ''), organisation);
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  return gateway._call_verb(fn, payload, idempotency, lease);
end;
$function$;

CREATE OR REPLACE FUNCTION api.cancel_execution(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_cancelled jsonb;
begin
  if v_execution.status <> 'cancelled' then
    perform plane.require_running(v_execution);
    v_cancelled := plane.cancel_execution(v_execution.id);
    if v_execution.cancel_requested_at is null then
      perform plane.record_audit('cancel_execution', 'executions', v_execution.id::text, '{}',
        jsonb_build_object('status', v_execution.status, 'cancel_requested_at', null),
        jsonb_build_object('status', 'running', 'cancel_requested_at', plane.clock()));
    end if;
  end if;
  return plane.execution_json(plane.find_execution(v_execution.id::text), true)
    || jsonb_build_object('due', coalesce(v_cancelled -> 'due', '[]'));
end;
$function$;

CREATE OR REPLACE FUNCTION api.cancel_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff constant plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
  v_actor   constant jsonb := plane.caller_actor();
begin
  if v_handoff.status not in ('pending', 'claimed', 'accepted') then
    perform plane.refuse_handoff_state(v_handoff, 'cancelled');
  elsif v_handoff.wait_token is not null then
    perform plane.raise_error(409, 'bound_to_execution', format('The step %s of an execution waits for it.', v_handoff.path),
      'Cancel the execution, or reject the hand-off: then the step fails.', jsonb_build_object('next', jsonb_build_array(jsonb_build_object(
        'why', 'cancel the execution', 'method', 'POST', 'path', format('/api/executions/%s/cancel', v_handoff.execution_id)))));
  elsif v_actor ->> 'id' is distinct from v_handoff.created_by ->> 'id' and v_actor ->> 'kind' = 'agent_key'
    and coalesce((payload ->> 'agent_id')::uuid <> v_handoff.from_agent_id, true)
  then
    perform plane.raise_error(403, 'not_creator', 'Only who handed it over may take it back.',
      'Send agent_id of the agent that handed it over, or use its key.', jsonb_build_object('from_agent_id', v_handoff.from_agent_id));
  end if;
  return plane.end_handoff(v_handoff, 'cancelled', 'cancel_handoff', null, null, jsonb_build_object(
    'code', 'cancelled', 'message', coalesce(payload ->> 'reason', 'Who handed it over took it back.')));
end;
$function$;

CREATE OR REPLACE FUNCTION api.check_sign_in(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.require_user();
  return jsonb_build_object(
    'user_id', plane.caller_person(), 'email', plane.caller_claims() -> 'email', 'aal', plane.caller_claims() -> 'aal');
end;
$function$;

CREATE OR REPLACE FUNCTION api.claim_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.claim_escalation(payload);
  perform plane.record_audit('claim_escalation', 'escalations', payload ->> 'id');
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.claim_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff constant plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
  v_agent   constant uuid := plane.require_addressee(v_handoff, (payload ->> 'agent_id')::uuid);
begin
  if v_handoff.status <> 'pending' then
    perform plane.refuse_handoff_state(v_handoff, 'claimed');
  end if;
  return plane.take_handoff(v_handoff, v_agent, (payload ->> 'lease_seconds')::numeric);
end;
$function$;

CREATE OR REPLACE FUNCTION api.claim_next_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_agent   constant uuid := (payload ->> 'agent_id')::uuid;
  v_offered plane.handoffs;
  v_handoff plane.handoffs;
  v_skipped uuid;
  v_holds   boolean := false;
begin
  perform plane.require_live_agent(v_agent, '/agent_id');
  perform plane.note_agent(v_agent);
  for v_offered in select * from plane.offered_handoffs(v_agent, 50) loop
    -- Who has it this moment may be done with it before we would be: look at the next one instead of waiting.
    if not plane.try_hold_handoff(v_offered.id) then
      v_skipped := coalesce(v_skipped, v_offered.id);
      continue;
    end if;
    v_holds := true;
    v_handoff := plane.hold_handoff(v_offered.id);
    perform plane.settle_handoff(v_handoff.id); -- its deadline may have passed in this moment; the sweeper rings
    continue when v_handoff.status <> 'pending';
    return plane.take_handoff(v_handoff, v_agent, (payload ->> 'lease_seconds')::numeric);
  end loop;
  -- Whoever holds nothing may wait: the step that hands it over, or a claimer that gives it up, is about to let go of it.
  if v_skipped is not null and not v_holds then
    v_handoff := plane.hold_handoff(v_skipped);
    perform plane.settle_handoff(v_skipped);
    if v_handoff.status = 'pending' then
      return plane.take_handoff(v_handoff, v_agent, (payload ->> 'lease_seconds')::numeric);
    end if;
  end if;
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.comment_on_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.comment_on_escalation(payload);
  perform plane.record_audit('comment_on_escalation', 'escalations', payload ->> 'id');
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.complete_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff constant plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
begin
  perform plane.require_taker(v_handoff, (payload ->> 'agent_id')::uuid);
  if v_handoff.status <> 'accepted' or payload ->> 'token' is not null then
    perform plane.require_claim(v_handoff, payload ->> 'token', 'completed');
  end if;
  return plane.end_handoff(v_handoff, 'completed', 'complete_handoff', null, payload -> 'output_data');
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_budget(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_id constant uuid := gen_random_uuid();
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  if payload ->> 'workflow_id' is not null
    and not exists (select from plane.workflows where org_id = plane.caller_org() and id = (payload ->> 'workflow_id')::uuid)
  then
    perform plane.raise_error(404, 'workflow_not_found', format('There is no workflow %s.', payload ->> 'workflow_id'), 'List the workflows.',
      '{"next": [{"why": "list the workflows", "method": "GET", "path": "/api/workflows"}]}');
  end if;

  insert into plane.budgets (id, org_id, scope, workflow_id, agent_id, period, limit_usd, on_reached, warn_at, created_by)
  values (
    v_id, plane.caller_org(), payload ->> 'scope', (payload ->> 'workflow_id')::uuid, (payload ->> 'agent_id')::uuid, payload ->> 'period',
    (payload ->> 'limit_usd')::numeric, payload ->> 'on_reached', (payload ->> 'warn_at')::numeric, plane.caller_actor())
  on conflict do nothing;
  if not found then
    perform plane.raise_error(409, 'budget_exists', format('There is a budget of this %s for a %s already.', payload ->> 'scope', payload ->> 'period'),
      'Change that one: PATCH /api/budgets/{id}.', '{"next": [{"why": "list the budgets", "method": "GET", "path": "/api/budgets"}]}');
  end if;
  perform plane.check_quota('budgets');
  perform plane.record_audit('create_budget', 'budgets', v_id::text, payload);
  return api.list_budgets(jsonb_build_object('id', v_id)) -> 'data' -> 0;
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_id         uuid;
  v_escalation plane.escalations;
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  if payload ->> 'workflow_id' is not null and not exists (
    select from plane.workflows as w
    where w.org_id = plane.caller_org()
      and (w.id = (payload ->> 'workflow_id')::uuid
        or exists (select from plane.workflow_versions as v where v.workflow_id = w.id and v.id = (payload ->> 'workflow_id')::uuid)))
  then
    perform plane.raise_error(404, 'workflow_not_found', format('There is no workflow %s.', payload ->> 'workflow_id'),
      'Leave workflow_id out, or list workflows with GET /api/workflows.');
  end if;
  if payload ->> 'on_timeout' is not null and jsonb_array_length(payload -> 'outcomes') > 0
    and not payload -> 'outcomes' ? (payload ->> 'on_timeout')
  then
    perform plane.raise_error(422, 'invalid_outcome', format('on_timeout must be one of the options, not %s.', payload ->> 'on_timeout'),
      null, jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
        'pointer', '/on_timeout', 'code', 'invalid_outcome', 'message', 'It must be one of the options.', 'allowed', payload -> 'outcomes'))));
  end if;

  v_id := plane.open_escalation(
    payload - array['kind', 'path', 'deadline', 'aal2']
    || jsonb_build_object('kind', 'question', 'needs_aal2', payload -> 'aal2', 'requester_id', plane.caller_id()));
  v_escalation := plane.find_escalation(v_id::text); -- in a statement of its own, which sees it
  perform plane.record_audit('create_escalation', 'escalations', v_escalation.id::text, jsonb_build_object(
    'priority', v_escalation.priority, 'execution_id', v_escalation.execution_id, 'agent_id', v_escalation.agent_id));
  return plane.escalation_json(v_escalation, true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_from    constant uuid := (payload ->> 'from_agent_id')::uuid;
  v_to      constant uuid := (payload ->> 'to_agent_id')::uuid;
  v_parent  plane.handoffs;
  v_handoff plane.handoffs;
begin
  perform plane.require_agent(v_from, '/from_agent_id');
  perform plane.require_live_agent(v_to, '/to_agent_id');
  perform plane.require_workflow((payload ->> 'workflow_id')::uuid);
  if payload ->> 'execution_id' is not null then
    perform plane.find_execution(payload ->> 'execution_id');
  end if;
  if payload ->> 'parent_id' is not null then
    v_parent := plane.find_handoff((payload ->> 'parent_id')::uuid);
  end if;
  perform plane.refuse_handoff_loop(v_parent.id, v_from, v_to, coalesce(v_parent.hops + 1, 0));
  perform plane.note_agent(v_from);

  insert into plane.handoffs (
    org_id, from_agent_id, to_agent_id, match, workflow_id, execution_id, packet, context, reason, max_attempts, deadline_at, parent_id,
    hops, created_by)
  values (
    plane.caller_org(), v_from, v_to, nullif(payload -> 'match', 'null'), (payload ->> 'workflow_id')::uuid,
    (payload ->> 'execution_id')::uuid, nullif(payload -> 'packet', 'null'), coalesce(nullif(payload -> 'context', 'null'), '{}'),
    payload ->> 'reason', coalesce((payload ->> 'max_attempts')::int, 3), (payload ->> 'deadline_at')::timestamptz, v_parent.id,
    coalesce(v_parent.hops + 1, 0), plane.caller_actor())
  returning * into v_handoff;
  perform plane.note_handoff(v_handoff, 'create_handoff', 'created');
  return plane.handoff_json(v_handoff);
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_hook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_hook plane.hooks;
begin
  insert into plane.hooks (id, org_id, name, token, scheme, verification, target, is_enabled, secret, created_by)
  values (
    (payload ->> 'id')::uuid, plane.caller_org(), payload ->> 'name', payload ->> 'token', payload ->> 'scheme',
    coalesce(payload -> 'verification', '{}'), payload -> 'target', coalesce((payload ->> 'enabled')::boolean, true),
    payload -> 'secret', coalesce(plane.caller_actor(), '{}'))
  on conflict (org_id, name) do nothing
  returning * into v_hook;
  if v_hook.id is null then
    perform plane.raise_name_taken('hook', payload ->> 'name');
  end if;
  perform plane.check_quota('hooks');
  perform plane.record_audit('create_hook', 'hooks', v_hook.id::text,
    jsonb_build_object('name', v_hook.name, 'scheme', v_hook.scheme), null, plane.hook_json(v_hook));
  return plane.hook_json(v_hook);
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_invitation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_email      constant text := lower(payload ->> 'email');
  v_invitation plane.invitations;
begin
  perform plane.require_may_appoint(payload ->> 'role');
  perform plane.require_scopes_of(plane.role_scopes(payload ->> 'role'), null);
  if exists (
    select from plane.members where org_id = plane.caller_org() and lower(email) = v_email and removed_at is null)
  then
    perform plane.raise_error(409, 'already_member', format('%s is a member already.', v_email),
      'PATCH /api/members/{user_id} gives another role.');
  end if;

  update plane.invitations set revoked_at = plane.clock()
  where org_id = plane.caller_org() and lower(email) = v_email and accepted_at is null and revoked_at is null;
  insert into plane.invitations (org_id, email, role, token_hash, created_by, expires_at)
  values (
    plane.caller_org(), v_email, payload ->> 'role', sha256(decode(payload ->> 'token_hash', 'hex')), plane.caller_actor(),
    plane.clock() + make_interval(secs => (payload ->> 'expires_in_seconds')::float8))
  on conflict (org_id, lower(email)) where accepted_at is null and revoked_at is null do nothing
  returning * into v_invitation;
  if v_invitation.id is null then
    perform plane.raise_error(409, 'already_invited', format('Somebody else has just invited %s.', v_email),
      'Read the list of invitations, then decide.');
  end if;
  perform plane.record_audit('create_invitation', 'invitations', v_invitation.id::text,
    jsonb_build_object('email', v_email, 'role', v_invitation.role));
  perform plane.note_event('member.invited', jsonb_build_object(
    'invitation_id', v_invitation.id, 'email', v_email, 'role', v_invitation.role));
  return plane.invitation_json(v_invitation);
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
  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, created_by, expires_at)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'kind', sha256(decode(payload ->> 'key_hash', 'hex')),
    payload ->> 'prefix', v_scopes, plane.caller_id(),
    plane.key_end((payload ->> 'expires_in_seconds')::float8))
  returning * into v_key;
  perform plane.check_quota('keys');
  perform plane.note_event('key.created', plane.key_event(v_key));
  perform plane.record_audit('create_key', 'keys', v_key.id::text,
    jsonb_build_object('name', v_key.name, 'kind', v_key.kind, 'scopes', to_jsonb(v_scopes)), null, plane.key_json(v_key));
  return plane.key_json(v_key);
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_organisation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_founded constant jsonb := gateway.found_organisation(payload);
begin
  perform set_config('request.jwt.claims', (v_founded -> 'claims')::text, true); -- its owner from here on
  if (v_founded ->> 'has_begun')::boolean then
    perform plane.record_audit('create_organisation', 'organisations', v_founded -> 'organisation' ->> 'id',
      jsonb_build_object('name', v_founded -> 'organisation' -> 'name'));
  end if;
  return v_founded -> 'organisation' || jsonb_build_object('has_begun', v_founded -> 'has_begun');
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_policy(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_policy plane.policies;
begin
  if (select count(*) from plane.policies where org_id = plane.caller_org()) >= 500 then
    perform plane.raise_error(409, 'too_many_policies', 'An organisation can have 500 policies.', 'Join some by a pattern.');
  end if;
  insert into plane.policies (org_id, name, effect, kind, pattern, workflows, agents, priority, reason, is_enabled, created_by)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'effect', payload ->> 'kind', payload ->> 'pattern',
    array(select jsonb_array_elements_text(coalesce(payload -> 'workflows', '[]'))),
    array(select jsonb_array_elements_text(coalesce(payload -> 'agents', '[]'))),
    coalesce((payload ->> 'priority')::int, 0), payload ->> 'reason', coalesce((payload ->> 'is_enabled')::boolean, true),
    plane.caller_actor())
  returning * into v_policy;
  perform plane.record_audit('create_policy', 'policies', v_policy.id::text,
    jsonb_build_object('name', v_policy.name, 'effect', v_policy.effect, 'kind', v_policy.kind, 'pattern', v_policy.pattern),
    null, plane.policy_json(v_policy));
  return plane.policy_json(v_policy);
exception
  when unique_violation then
    perform plane.raise_error(409, 'policy_name_taken', format('Another policy is called %s.', payload ->> 'name'), 'Choose another name.');
    return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_schedule(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_paused   constant boolean := coalesce((payload ->> 'paused')::boolean, false);
  v_schedule plane.schedules;
begin
  perform plane.find_version(jsonb_build_object('name', payload -> 'workflow', 'version', payload -> 'version'));
  insert into plane.schedules (org_id, name, workflow, version, input, cron, timezone, catch_up, max_catch_up, overlap,
    jitter_seconds, starts_at, ends_at, status, next_fire_at, due_at, created_by)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'workflow', (payload ->> 'version')::int, coalesce(payload -> 'input', '{}'),
    payload ->> 'cron', payload ->> 'timezone', payload ->> 'catch_up', (payload ->> 'max_catch_up')::int, payload ->> 'overlap',
    (payload ->> 'jitter_seconds')::int, (payload ->> 'starts_at')::timestamptz, (payload ->> 'ends_at')::timestamptz,
    case when v_paused then 'paused' when payload ->> 'due_at' is null then 'ended' else 'active' end,
    case when not v_paused then (payload ->> 'next_fire_at')::timestamptz end,
    case when not v_paused then (payload ->> 'due_at')::timestamptz end, coalesce(plane.caller_actor(), '{}'))
  on conflict (org_id, name) do nothing
  returning * into v_schedule;
  if v_schedule.id is null then
    perform plane.raise_name_taken('schedule', payload ->> 'name');
  end if;
  perform plane.check_quota('schedules');
  perform plane.record_audit('create_schedule', 'schedules', v_schedule.id::text,
    jsonb_build_object('name', v_schedule.name, 'workflow', v_schedule.workflow, 'cron', v_schedule.cron), null,
    plane.schedule_json(v_schedule));
  return plane.schedule_json(v_schedule);
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_trigger(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_trigger plane.event_triggers;
begin
  insert into plane.event_triggers (org_id, name, event, match, target, is_enabled, since_xid, created_by)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'event', coalesce(payload -> 'match', '{}'), payload -> 'target',
    coalesce((payload ->> 'enabled')::boolean, true), plane.listen('triggers'), coalesce(plane.caller_actor(), '{}'))
  on conflict (org_id, name) do nothing
  returning * into v_trigger;
  if v_trigger.id is null then
    perform plane.raise_name_taken('trigger', payload ->> 'name');
  end if;
  perform plane.check_quota('event_triggers');
  perform plane.record_audit('create_trigger', 'triggers', v_trigger.id::text,
    jsonb_build_object('name', v_trigger.name, 'event', v_trigger.event), null, plane.trigger_json(v_trigger));
  return plane.trigger_json(v_trigger);
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_webhook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_on      constant boolean := coalesce((payload ->> 'enabled')::boolean, true);
  v_webhook plane.webhooks;
begin
  insert into plane.webhooks (id, org_id, url, description, events, status, disabled_reason, secret, since_xid, created_by)
  values (
    (payload ->> 'id')::uuid, plane.caller_org(), payload ->> 'url', payload ->> 'description',
    array(select jsonb_array_elements_text(payload -> 'events')),
    case when v_on then 'enabled' else 'disabled' end, case when not v_on then 'asked' end,
    payload -> 'secret', plane.listen('webhooks'), coalesce(plane.caller_actor(), '{}'))
  returning * into v_webhook;
  perform plane.check_quota('webhooks');
  perform plane.record_audit('create_webhook', 'webhooks', v_webhook.id::text,
    jsonb_build_object('url', v_webhook.url, 'events', to_jsonb(v_webhook.events)), null, plane.webhook_json(v_webhook));
  return plane.webhook_json(v_webhook);
end;
$function$;

CREATE OR REPLACE FUNCTION api.create_workflow(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org        constant uuid := plane.caller_org();
  v_definition constant text := payload ->> 'definition';
  v_hash       constant text := encode(sha256(convert_to((payload ->> 'format') || e'\n' || v_definition, 'UTF8')), 'hex');
  v_wanted     constant int := (payload ->> 'version')::int;
  v_workflow   plane.workflows;
  v_version    plane.workflow_versions;
begin
  if jsonb_array_length(nullif(payload -> 'document' -> 'secrets', 'null')) > 0 and not plane.caller_has_scope('secrets:use') then
    perform plane.raise_error(403, 'missing_scope', 'A workflow that names secrets needs the scope secrets:use: it could send them anywhere.',
      'Let an operator or a person who may use secrets store it; agents may then run it.', '{"scope": "secrets:use"}');
  end if;
  perform plane.require_agent((payload ->> 'designed_by_agent_id')::uuid, '/designed_by_agent_id');

  -- Takes the workflow's row lock: versions of one workflow are numbered one after the other.
  insert into plane.workflows as w (org_id, name, description)
  values (v_org, payload ->> 'name', payload ->> 'description')
  on conflict (org_id, name) do update set name = w.name
  returning * into v_workflow;
  if v_workflow.latest = 0 then
    perform plane.check_quota('workflows');
  end if;

  select * into v_version
  from plane.workflow_versions
  where workflow_id = v_workflow.id and content_hash = v_hash;
  if found and v_wanted is distinct from v_version.version and v_wanted is not null then
    perform plane.raise_error(409, 'version_taken',
      format('this content is version %s of %s already, not %s', v_version.version, v_workflow.name, v_wanted),
      'Leave version out: the plane numbers versions itself.');
  end if;
  if found then
    return plane.version_json(v_workflow, v_version, true) || jsonb_build_object('is_created', false);
  end if;
  if v_wanted <> v_workflow.latest + 1 then
    perform plane.raise_error(409, 'version_taken',
      format('the next version of %s is %s, not %s', v_workflow.name, v_workflow.latest + 1, v_wanted),
      'Leave version out: the plane numbers versions itself.');
  end if;

  insert into plane.workflow_versions (org_id, workflow_id, version, format, definition, is_json, content_hash, document,
    queue, steps, description, designed_with_model, executable_by_model, designed_by_agent_id, metadata)
  values (v_org, v_workflow.id, v_workflow.latest + 1, payload ->> 'format', v_definition,
    coalesce((payload ->> 'is_json')::boolean, false), v_hash, nullif(payload -> 'document', 'null'),
    coalesce(payload ->> 'queue', 'default'), coalesce(nullif(payload -> 'steps', 'null'), '[]'), payload ->> 'description',
    payload ->> 'designed_with_model', payload ->> 'executable_by_model', (payload ->> 'designed_by_agent_id')::uuid,
    coalesce(nullif(payload -> 'metadata', 'null'), '{}'))
  returning * into v_version;

  update plane.workflows
  set latest = v_version.version, description = v_version.description, updated_at = plane.clock()
  where id = v_workflow.id
  returning * into v_workflow;

  perform plane.record_audit('create_workflow', 'workflows', v_workflow.id::text,
    jsonb_build_object('name', v_workflow.name, 'version', v_version.version, 'format', v_version.format),
    null, jsonb_build_object('definition', v_version.definition));
  return plane.version_json(v_workflow, v_version, true) || jsonb_build_object('is_created', true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_agent(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before plane.agents := plane.find_agent((payload ->> 'id')::uuid, null);
  v_agent  plane.agents;
begin
  update plane.agents
  set deleted_at = plane.clock(), updated_at = plane.clock()
  where id = v_before.id and deleted_at is null
  returning * into v_agent;
  if found then
    perform plane.note_agent_change(v_before, v_agent);
  end if;
  return jsonb_build_object('id', v_before.id);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_budget(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before constant jsonb := api.list_budgets(jsonb_build_object('id', payload -> 'id')) -> 'data' -> 0;
begin
  delete from plane.budgets where org_id = plane.caller_org() and id = (payload ->> 'id')::uuid;
  perform plane.record_audit('delete_budget', 'budgets', payload ->> 'id', '{}', v_before - 'state', null);
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_hook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_hook constant plane.hooks := plane.require_hook((payload ->> 'id')::uuid);
begin
  delete from plane.hooks where id = v_hook.id;
  perform plane.record_audit('delete_hook', 'hooks', v_hook.id::text, jsonb_build_object('name', v_hook.name), plane.hook_json(v_hook));
  return jsonb_build_object('id', v_hook.id);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_memory(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_deleted int;
begin
  delete from plane.memories
  where org_id = plane.caller_org()
    and (id = (payload ->> 'id')::uuid or (payload ->> 'id' is null and namespace = payload ->> 'namespace'));
  get diagnostics v_deleted = row_count;
  if v_deleted = 0 then
    perform plane.raise_error(404, 'memory_not_found',
      format('There is nothing to forget under %s.', coalesce(payload ->> 'id', payload ->> 'namespace')),
      'GET /api/memory/namespaces lists what there is.');
  end if;
  perform plane.record_audit('delete_memory', 'memory', coalesce(payload ->> 'id', payload ->> 'namespace'),
    jsonb_build_object('deleted', v_deleted));
  return jsonb_build_object('deleted', v_deleted);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_policy(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_policy constant plane.policies := plane.find_policy((payload ->> 'id')::uuid);
begin
  delete from plane.policies where id = v_policy.id;
  perform plane.record_audit('delete_policy', 'policies', v_policy.id::text, jsonb_build_object('name', v_policy.name),
    plane.policy_json(v_policy));
  return jsonb_build_object('id', v_policy.id);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_schedule(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_schedule constant plane.schedules := plane.find_schedule((payload ->> 'id')::uuid);
begin
  delete from plane.schedules where id = v_schedule.id;
  perform plane.record_audit('delete_schedule', 'schedules', v_schedule.id::text, jsonb_build_object('name', v_schedule.name),
    plane.schedule_json(v_schedule));
  return jsonb_build_object('id', v_schedule.id);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_secret(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_secret plane.secrets;
begin
  delete from plane.secrets
  where org_id = plane.caller_org() and name = payload ->> 'name'
  returning * into v_secret;
  if not found then
    perform plane.raise_error(404, 'secret_not_found', format('There is no secret %s.', payload ->> 'name'), 'List the secrets.',
      '{"next": [{"why": "list the secrets", "method": "GET", "path": "/api/secrets"}]}');
  end if;
  perform plane.record_audit('delete_secret', 'secrets', v_secret.name, jsonb_build_object('version', v_secret.version),
    plane.secret_json(v_secret));
  return jsonb_build_object('name', v_secret.name);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_state(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_old plane.state := plane.match_state(payload);
begin
  if v_old.key is null then
    perform plane.raise_error(404, 'state_not_found',
      format('There is no value under %s/%s, or it has expired.', payload ->> 'component', payload ->> 'key'));
  end if;
  delete from plane.state
  where org_id = v_old.org_id and component = v_old.component and key = v_old.key;
  perform plane.keep_history(v_old, plane.clock(), 'deleted');
  perform plane.record_audit('delete_state', 'state', v_old.component || '/' || v_old.key,
    jsonb_build_object('version', v_old.version), plane.state_json(v_old));
  return jsonb_build_object('component', v_old.component, 'key', v_old.key);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_trigger(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_trigger constant plane.event_triggers := plane.find_trigger((payload ->> 'id')::uuid);
begin
  delete from plane.event_triggers where id = v_trigger.id;
  perform plane.record_audit('delete_trigger', 'triggers', v_trigger.id::text, jsonb_build_object('name', v_trigger.name),
    plane.trigger_json(v_trigger));
  return jsonb_build_object('id', v_trigger.id);
end;
$function$;

CREATE OR REPLACE FUNCTION api.delete_webhook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_webhook constant plane.webhooks := plane.find_webhook((payload ->> 'id')::uuid);
begin
  delete from plane.webhooks where id = v_webhook.id;
  perform plane.record_audit('delete_webhook', 'webhooks', v_webhook.id::text, jsonb_build_object('url', v_webhook.url),
    plane.webhook_json(v_webhook));
  return jsonb_build_object('id', v_webhook.id);
end;
$function$;

CREATE OR REPLACE FUNCTION api.discover_agent(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now    constant timestamptz := plane.clock();
  v_source constant jsonb := jsonb_build_object(
    'card', payload -> 'card',
    'source', jsonb_build_object('card_url', payload -> 'card_url', 'verified', payload -> 'verified', 'key_id', payload -> 'key_id'));
  v_before plane.agents;
  v_agent  plane.agents;
begin
  select * into v_before
  from plane.agents
  where org_id = plane.caller_org() and card_url = payload ->> 'card_url' and deleted_at is null
  for no key update;
  if v_before.config -> 'source' ->> 'verified' = 'signed' and payload ->> 'verified' <> 'signed' then
    perform plane.raise_error(409, 'card_no_longer_signed',
      format('The card of the agent %s was signed when it was last read, and is not signed now.', v_before.name),
      'Ask its owner. If that is meant, delete the agent and discover it again.');
  end if;

  if v_before.id is not null then
    update plane.agents as a
    set
      name = coalesce(payload ->> 'name', a.name),
      framework = payload ->> 'framework',
      description = payload ->> 'description',
      capabilities = payload -> 'capabilities',
      endpoint = payload ->> 'endpoint',
      config = a.config || v_source,
      updated_at = v_now
    where a.id = v_before.id
    returning * into v_agent;
  else
    insert into plane.agents
      (org_id, name, framework, description, capabilities, endpoint, config, card_url, last_seen_at, created_at, updated_at)
    values (plane.caller_org(), coalesce(payload ->> 'name', payload ->> 'card_name'), payload ->> 'framework', payload ->> 'description', payload -> 'capabilities',
      payload ->> 'endpoint', v_source, payload ->> 'card_url', v_now, v_now, v_now)
    returning * into v_agent;
    perform plane.check_quota('agents');
  end if;

  perform plane.note_agent_change(v_before, v_agent);
  return plane.agent_json(v_agent) || jsonb_build_object(
    'skills', plane.agent_skills(v_agent.capabilities),
    'is_created', v_before.id is null);
exception
  when unique_violation then
    perform plane.raise_error(409, 'agent_name_taken', format('Another agent is called %s.', coalesce(payload ->> 'name', payload ->> 'card_name')),
      'Give the discovered one another name with `name`.');
    return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.dismiss_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_dismissed constant jsonb := plane.dismiss_escalation(payload);
begin
  return jsonb_build_object(
    'escalation', plane.escalation_json(plane.find_escalation(payload ->> 'id'), true), 'due', v_dismissed -> 'due');
end;
$function$;

CREATE OR REPLACE FUNCTION api.embed_memories(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_embedded int;
begin
  update plane.memories as m
  set embedding = plane.real_array(i.item -> 'embedding'), embedding_model = payload ->> 'embedding_model'
  from jsonb_array_elements(payload -> 'items') as i (item)
  where m.org_id = plane.caller_org() and m.id = (i.item ->> 'id')::uuid and m.content = i.item ->> 'content';
  get diagnostics v_embedded = row_count;
  if payload ? 'spent_usd' then
    perform plane.note_spending((payload ->> 'spent_usd')::numeric);
  end if;
  perform plane.record_audit('embed_memories', 'memory', null,
    jsonb_build_object('embedded', v_embedded, 'model', payload -> 'embedding_model'));
  return jsonb_build_object('embedded', v_embedded);
end;
$function$;

CREATE OR REPLACE FUNCTION api.erase_organisation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_name text;
begin
  perform plane.require_person('data:manage');
  select name into v_name from plane.organisations where id = plane.caller_org();
  if v_name is distinct from payload ->> 'name' then
    perform plane.raise_error(422, 'not_confirmed', 'This is not the name of your organisation.',
      'Send the exact name of the organisation that is to be erased, as confirmation: nothing brings it back.');
  end if;
  perform plane.record_audit('erase_organisation', 'organisations', plane.caller_org()::text, jsonb_build_object('name', v_name));
  return plane.erasure_json(gateway.begin_erasure('{}'));
end;
$function$;

CREATE OR REPLACE FUNCTION api.erase_person(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_user   constant uuid := (payload ->> 'user_id')::uuid;
  v_member plane.members;
begin
  select * into v_member from plane.members where org_id = plane.caller_org() and user_id = v_user;
  if not found then
    perform plane.raise_error(404, 'member_not_found', format('There is no member %s.', v_user), 'List the members.');
  elsif lower(v_member.email) is distinct from lower(payload ->> 'email') then
    perform plane.raise_error(422, 'not_confirmed', 'The address does not belong to this member.',
      'Send the address of the member whose data is to be erased, as confirmation: nothing brings it back.');
  elsif v_member.role = 'owner' and v_member.removed_at is null then
    perform plane.require_may_appoint('owner');
    perform plane.require_other_owner(v_user);
  end if;
  perform plane.record_audit('erase_person', 'members', v_user::text, '{}');
  return plane.erasure_json(gateway.begin_erasure(jsonb_build_object('user_id', v_user)));
end;
$function$;

CREATE OR REPLACE FUNCTION api.export_audit(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select s.seq, s.text, s.hash, a
    from plane.audit_seals as s
    left join plane.audit_entries as a on a.org_id = s.org_id and a.id = s.entry_id
    where s.org_id = (select plane.caller_org()) and s.seq > coalesce((payload ->> 'after')::bigint, 0)
    order by s.seq
    limit (payload ->> 'limit')::int
  ),
  head as (
    select h.seq, h.hash from plane.audit_heads as h where h.org_id = (select plane.caller_org())
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(jsonb_build_object(
      'seq', p.seq, 'hash', p.hash, 'text', p.text, 'nonce', (p.a).nonce,
      'entry', case when (p.a).id is not null then plane.audit_json(p.a) end,
      'labels', (p.a).labels) order by p.seq), '[]'),
    'head', (select jsonb_build_object('seq', head.seq, 'hash', head.hash) from head),
    'next', case when max(p.seq) < (select head.seq from head) then max(p.seq) end)
  from page as p;
$function$;

CREATE OR REPLACE FUNCTION api.export_data(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_user  constant uuid := (payload ->> 'user_id')::uuid;
  v_email text;
begin
  if v_user is not null then
    select email into v_email from plane.members where org_id = plane.caller_org() and user_id = v_user;
    if not found then
      perform plane.raise_error(404, 'member_not_found', format('There is no member %s.', v_user), 'List the members.');
    end if;
    return gateway.export_page(payload || jsonb_build_object('mentions', jsonb_build_array(v_user, v_email)));
  end if;
  return gateway.export_page(payload - 'mentions');
end;
$function$;

CREATE OR REPLACE FUNCTION api.extend_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
begin
  perform plane.require_claim(v_handoff, payload ->> 'token', 'extended');
  update plane.handoffs
  set lease_until = plane.clock() + (payload ->> 'lease_seconds')::numeric * interval '1 second', updated_at = plane.clock()
  where id = v_handoff.id
  returning * into v_handoff;
  perform plane.note_agent(v_handoff.agent_id);
  return plane.handoff_json(v_handoff);
end;
$function$;

CREATE OR REPLACE FUNCTION api.find_interpretation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return (
    select jsonb_build_object('answer', i.answer)
    from plane.interpretations as i
    where i.org_id = plane.caller_org() and i.hash = decode(payload ->> 'hash', 'hex') and i.expires_at > plane.clock());
end;
$function$;

CREATE OR REPLACE FUNCTION api.find_template(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return api.get_template(payload);
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_acceptance(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object('schema', (plane.find_handoff((payload ->> 'id')::uuid)).packet -> 'acceptance' -> 'schema');
$function$;

CREATE OR REPLACE FUNCTION api.get_agent(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_agent constant plane.agents := plane.find_agent((payload ->> 'id')::uuid, payload ->> 'name');
begin
  return plane.agent_json(v_agent) || jsonb_build_object(
    'skills', plane.agent_skills(v_agent.capabilities),
    'record', (select plane.record_json(r) from plane.agent_records as r where r.org_id = v_agent.org_id and r.agent_id = v_agent.id),
    'open_work', plane.open_work(v_agent.id));
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_caller(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims constant jsonb := plane.caller_claims();
  v_wanted constant text := payload ->> 'agent';
begin
  return (
    select jsonb_build_object(
      'principal', v_claims -> 'principal',
      'organisation', jsonb_build_object('id', o.id, 'name', o.name),
      'actor', plane.caller_actor(),
      'scopes', v_claims -> 'scopes',
      'key', (select plane.key_json(k) from plane.api_keys as k where k.org_id = o.id and k.id = plane.caller_key()),
      'person', (
        select jsonb_build_object(
          'user_id', m.user_id, 'email', v_claims -> 'email', 'role', m.role, 'aal', v_claims -> 'aal',
          'may_decide_by_mail', m.may_decide_by_mail, 'joined_at', m.joined_at)
        from plane.members as m
        where m.org_id = o.id and m.user_id = plane.caller_person()),
      'agent', case when v_wanted is not null then plane.agent_json(plane.find_agent(plane.agent_of(v_wanted), v_wanted)) end)
    from plane.organisations as o
    where o.id = plane.caller_org());
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_delivery(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_delivery constant plane.webhook_deliveries := plane.find_delivery((payload ->> 'id')::uuid);
begin
  return plane.delivery_json(v_delivery) || jsonb_build_object(
    'event', (select plane.event_body(e) from plane.events as e where e.org_id = v_delivery.org_id and e.feed_id = v_delivery.feed_id),
    'org_id', v_delivery.org_id,
    'url', (select w.url from plane.webhooks as w where w.id = v_delivery.webhook_id));
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select plane.handoff_json(plane.find_handoff((payload ->> 'id')::uuid));
$function$;

CREATE OR REPLACE FUNCTION api.get_handoff_chain(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff constant plane.handoffs := plane.find_handoff((payload ->> 'id')::uuid);
begin
  return jsonb_build_object('data', (
    with recursive above as (
      select v_handoff.id, v_handoff.parent_id
      union all
      select h.id, h.parent_id from plane.handoffs as h join above on h.id = above.parent_id and h.org_id = v_handoff.org_id
    ), below as (
      select a.id from above as a where a.parent_id is null
      union all
      select h.id from plane.handoffs as h join below on h.parent_id = below.id and h.org_id = v_handoff.org_id
    ), chain as (
      select h.* from below join plane.handoffs as h using (id) order by h.hops, h.created_at, h.id limit 500
    )
    select coalesce(jsonb_agg(
      plane.handoff_line(c::plane.handoffs) || jsonb_build_object('parent_id', c.parent_id, 'hops', c.hops)
      order by c.hops, c.created_at, c.id), '[]')
    from chain as c));
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_hook(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select plane.hook_json(plane.require_hook((payload ->> 'id')::uuid));
$function$;

CREATE OR REPLACE FUNCTION api.get_inbox(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_scopes constant text[] := '{executions:read,handoffs:read,escalations:read,observe:read,state:read,memory:read}';
  v_org    constant uuid := plane.caller_org();
  v_limit  constant int := coalesce((payload ->> 'limit')::int, 50);
  v_since  constant timestamptz := coalesce((payload ->> 'since')::timestamptz, plane.clock() - interval '1 day');
  v_agent  constant plane.agents := plane.find_agent(plane.agent_of(payload ->> 'agent'), payload ->> 'agent');
begin
  return jsonb_build_object(
    'agent', jsonb_build_object('id', v_agent.id, 'name', v_agent.name, 'status', v_agent.status,
      'health', plane.agent_health(v_agent.lease_seconds, v_agent.last_seen_at),
      'lease_until', v_agent.last_seen_at + make_interval(secs => v_agent.lease_seconds)),
    'since', v_since,
    'waiting', plane.waiting_work(v_agent.id, v_since),
    'executions', case when plane.caller_has_scope('executions:read') then coalesce((
      select jsonb_agg(plane.inbox_execution(e) order by e.created_at desc, e.id desc)
      from (
        select * from plane.executions as x
        where x.org_id = v_org and x.agent_id = v_agent.id and x.status = 'running'
        order by x.created_at desc
        limit v_limit
      ) as e), '[]') end,
    'handoffs', case when plane.caller_has_scope('handoffs:read') then plane.inbox_handoffs(v_agent.id, v_limit) end,
    'escalations', case when plane.caller_has_scope('escalations:read') then coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', x.id, 'kind', x.kind, 'status', x.status, 'priority', x.priority, 'reason', left(x.reason, 500), 'outcome', x.outcome,
        'answer', case when octet_length(x.answer::text) <= 2000 then x.answer end, 'comment', left(x.comment, 500),
        'execution_id', x.execution_id, 'path', x.path, 'deadline', x.deadline, 'created_at', x.created_at, 'decided_at', x.decided_at)
        order by x.decided_at desc nulls last, x.rank, x.created_at desc, x.id)
      from (
        select * from plane.escalations as y
        where y.org_id = v_org and y.agent_id = v_agent.id
          and (y.decided_at is null or (y.decided_at >= v_since and y.status <> 'cancelled'))
        order by y.created_at desc, y.id
        limit v_limit
      ) as x), '[]') end,
    'budgets', case when plane.caller_has_scope('observe:read') then coalesce((
      select jsonb_agg(b - '{raised_usd,warn_at}'::text[] || jsonb_build_object(
        'limit_usd', b ->> 'limit_usd', 'spent_usd', b ->> 'spent_usd',
        'left_usd', greatest(0, (b ->> 'limit_usd')::numeric - (b ->> 'spent_usd')::numeric)::numeric(18, 9)::text))
      from jsonb_array_elements(plane.budget_states(v_org)) as b
      where b ->> 'scope' = 'organisation' or b ->> 'agent_id' = v_agent.id::text), '[]') end,
    'state', case when plane.caller_has_scope('state:read') then coalesce((
      select jsonb_agg(jsonb_build_object(
        'component', s.component, 'key', s.key, 'version', s.version, 'updated_at', s.updated_at,
        'value', case when octet_length(s.value::text) <= 2000 then s.value end) order by s.updated_at desc, s.component, s.key)
      from (
        select * from plane.state as t
        where t.org_id = v_org and t.agent_id = v_agent.id and coalesce(t.expires_at > plane.clock(), true)
        order by t.updated_at desc
        limit v_limit
      ) as s), '[]') end,
    'memories', case when plane.caller_has_scope('memory:read') then coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', m.id, 'namespace', m.namespace, 'key', m.key, 'content', left(m.content, 500), 'created_at', m.created_at)
        order by m.created_at desc, m.id)
      from (
        select * from plane.memories as n
        where n.org_id = v_org and n.agent_id = v_agent.id and coalesce(n.expires_at > plane.clock(), true)
        order by n.created_at desc
        limit v_limit
      ) as m), '[]') end,
    'withheld', (select coalesce(jsonb_agg(s), '[]') from unnest(c_scopes) as s where not plane.caller_has_scope(s)));
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_limits(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_counted constant int := 2000;
  v_org     constant uuid := plane.caller_org();
begin
  return (
    with known as (
      select d.key as name, nullif(d.value, 'null')::bigint as standard,
        case when q.name is null then nullif(d.value, 'null')::bigint else q.max_value end as max_value,
        plane._count_used(v_org, d.key, c_counted + 1) as counted, c.used as found
      from jsonb_each(plane.quota_defaults()) as d
      left join plane.quotas as q on q.org_id = v_org and q.name = d.key
      left join plane.quota_counts as c on c.org_id = v_org and c.name = d.key
    ), used as (
      select k.*, case when k.counted <= c_counted then k.counted else k.found end as used, coalesce(k.counted > c_counted, true) as is_approximate
      from known as k
    )
    select jsonb_build_object(
      'quotas', jsonb_agg(jsonb_build_object('name', u.name, 'limit', u.max_value, 'default', u.standard, 'used', u.used,
        'is_approximate', u.is_approximate, 'left', case when u.max_value is not null and u.used is not null then greatest(u.max_value - u.used, 0) end) order by u.name),
      'rates', (
        select coalesce(jsonb_agg(jsonb_build_object('kind', r.kind, 'subject', r.subject, 'quota', r.quota,
          'window_seconds', r.window_seconds, 'burst', coalesce(r.burst, r.quota)) order by r.kind, r.subject), '[]')
        from plane.rate_limits as r where r.org_id = v_org))
    from used as u
  );
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_memory(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_memory plane.memories;
begin
  select * into v_memory
  from plane.memories
  where id = (payload ->> 'id')::uuid and org_id = plane.caller_org() and (expires_at is null or expires_at > plane.clock());
  if not found then
    perform plane.raise_error(404, 'memory_not_found', format('There is no memory %s, or it has expired.', payload ->> 'id'),
      'Search its namespace with POST /api/memory/search.');
  end if;
  return plane.memory_json(v_memory);
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_message(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_message constant plane.trigger_messages := plane.find_message((payload ->> 'id')::uuid);
begin
  return plane.message_json(v_message) || jsonb_build_object('headers', v_message.headers, 'body', v_message.body);
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_model_rules(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return plane.model_rules();
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_organisation(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object('id', o.id, 'name', o.name, 'created_at', o.created_at)
  from plane.organisations as o
  where o.id = plane.caller_org();
$function$;

CREATE OR REPLACE FUNCTION api.get_policy(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return plane.policy_json(plane.find_policy((payload ->> 'id')::uuid));
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_retention(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select coalesce(
    (select jsonb_build_object('payload_days', r.payload_days, 'updated_at', r.updated_at)
     from plane.retention as r where r.org_id = (select plane.caller_org())),
    '{"payload_days": null, "updated_at": null}');
$function$;

CREATE OR REPLACE FUNCTION api.get_schedule(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select plane.schedule_json(plane.find_schedule((payload ->> 'id')::uuid));
$function$;

CREATE OR REPLACE FUNCTION api.get_secret_version(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org constant uuid := plane.caller_org();
begin
  return jsonb_build_object('org_id', v_org, 'version', 1 + coalesce((
    select s.version from plane.secrets as s where s.org_id = v_org and s.name = payload ->> 'name'), 0));
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_state_version(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_version constant bigint := (payload ->> 'version')::bigint;
  v_as_of   constant timestamptz := (payload ->> 'as_of')::timestamptz;
  v_found   jsonb;
begin
  select to_jsonb(v) into v_found
  from plane.state_versions(payload) as v
  where v.version = v_version or (v.updated_at <= v_as_of and (v.ended_at is null or v.ended_at > v_as_of))
  order by v.version desc
  limit 1;
  if v_found is null then
    perform plane.raise_error(404, 'state_version_not_found',
      format('%s/%s has no value %s that is still kept.', payload ->> 'component', payload ->> 'key',
        case when v_as_of is null then 'of version ' || v_version else 'of ' || plane.time_text(v_as_of) end),
      'GET /api/state/history lists what is kept.');
  end if;
  return v_found;
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_template(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_template plane.templates;
begin
  if nullif(payload -> 'builtin', 'null') is not null then
    return payload -> 'builtin' || plane.template_standing(payload ->> 'name')
      || jsonb_build_object('versions', jsonb_build_array(payload -> 'builtin' -> 'version'));
  end if;
  select * into v_template
  from plane.templates
  where org_id = plane.caller_org() and name = payload ->> 'name'
    and (payload ->> 'version' is null or version = (payload ->> 'version')::int)
  order by version desc
  limit 1;
  if not found then
    perform plane.raise_error(404, 'template_not_found',
      format('There is no template %s%s.', payload ->> 'name', coalesce(' of version ' || (payload ->> 'version'), '')),
      'List them with GET /api/templates.');
  end if;
  return plane.template_json(v_template, true) || plane.template_standing(v_template.name) || jsonb_build_object('versions', (
    select jsonb_agg(version order by version desc)
    from plane.templates
    where org_id = plane.caller_org() and name = v_template.name));
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_trigger(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select plane.trigger_json(plane.find_trigger((payload ->> 'id')::uuid));
$function$;

CREATE OR REPLACE FUNCTION api.get_usage(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org  constant uuid := plane.caller_org();
  v_from constant date := payload ->> 'from';
  v_to   constant date := payload ->> 'to';
  v_data jsonb;
begin
  if payload ->> 'group_by' = 'metric' then
    select jsonb_agg(jsonb_build_object('metric', t.metric, 'value', t.value) order by t.metric) into v_data
    from (
      -- What is measured is the highest of a day, and of days.
      select u.metric, case when u.metric in ('state_entries', 'state_bytes', 'agents', 'workflows') then max(u.value) else sum(u.value) end::text as value
      from plane.usage_days as u
      where u.org_id = v_org and u.day between v_from and v_to and (payload ->> 'metric' is null or u.metric = payload ->> 'metric')
      group by u.metric
    ) as t;
  elsif payload ->> 'group_by' = 'day' then
    select jsonb_agg(jsonb_build_object('day', t.day, 'metrics', t.metrics) order by t.day) into v_data
    from (
      select u.day, jsonb_object_agg(u.metric, u.value::text order by u.metric) as metrics
      from plane.usage_days as u
      where u.org_id = v_org and u.day between v_from and v_to and (payload ->> 'metric' is null or u.metric = payload ->> 'metric')
      group by u.day
    ) as t;
  else
    select jsonb_agg(jsonb_build_object('day', u.day, 'metric', u.metric, 'value', u.value::text) order by u.day, u.metric) into v_data
    from plane.usage_days as u
    where u.org_id = v_org and u.day between v_from and v_to and (payload ->> 'metric' is null or u.metric = payload ->> 'metric');
  end if;
  return jsonb_build_object('from', v_from, 'to', v_to, 'data', coalesce(v_data, '[]'),
    'metered_at', (select nullif(m.metered_at, '-infinity') from plane.meters as m where m.org_id = v_org));
end;
$function$;

CREATE OR REPLACE FUNCTION api.get_webhook(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select plane.webhook_json(plane.find_webhook((payload ->> 'id')::uuid));
$function$;

CREATE OR REPLACE FUNCTION api.heartbeat_agent(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before plane.agents := plane.find_agent((payload ->> 'id')::uuid, null);
  v_agent  plane.agents;
begin
  update plane.agents as a
  set
    last_seen_at = plane.clock(),
    status = coalesce(payload ->> 'status', a.status),
    lease_seconds = case when payload ? 'lease_seconds' then (payload ->> 'lease_seconds')::int else a.lease_seconds end
  where a.id = v_before.id
  returning * into v_agent;
  if (v_before.status, v_before.lease_seconds) is distinct from (v_agent.status, v_agent.lease_seconds) then
    perform plane.note_agent_change(v_before, v_agent);
  end if;

  return jsonb_build_object(
    'id', v_agent.id,
    'name', v_agent.name,
    'status', v_agent.status,
    'health', plane.agent_health(v_agent.lease_seconds, v_agent.last_seen_at),
    'lease_until', v_agent.last_seen_at + make_interval(secs => v_agent.lease_seconds),
    'waiting', plane.waiting_work(v_agent.id, (payload ->> 'since')::timestamptz));
end;
$function$;

CREATE OR REPLACE FUNCTION api.keep_interpretation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into plane.interpretations as i (org_id, hash, answer, model, cost_usd, expires_at)
  values (plane.caller_org(), decode(payload ->> 'hash', 'hex'), payload -> 'answer', payload ->> 'model',
    (payload ->> 'cost_usd')::numeric, plane.clock() + interval '1 day')
  on conflict (org_id, hash) do update
  set answer = excluded.answer, model = excluded.model, cost_usd = excluded.cost_usd, expires_at = excluded.expires_at;
  perform plane.note_spending((payload ->> 'cost_usd')::numeric);
  perform plane.record_audit('keep_interpretation', 'interpretations', payload ->> 'hash',
    jsonb_build_object('model', payload -> 'model', 'cost_usd', payload -> 'cost_usd'));
  return '{}';
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

CREATE OR REPLACE FUNCTION api.list_audit(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org      constant uuid := plane.caller_org();
  v_limit    constant int := (payload ->> 'limit')::int;
  v_before   constant bigint := coalesce((payload -> 'cursor' ->> 'id')::bigint, 9223372036854775807);
  v_action   constant text := payload ->> 'action';
  v_resource constant text := payload ->> 'resource';
  v_id       constant text := payload ->> 'resource_id';
  v_actor    constant uuid := (payload ->> 'actor_id')::uuid;
  v_kind     constant text := payload ->> 'actor_kind';
  v_trace    constant text := payload ->> 'trace_id';
  v_since    constant timestamptz := coalesce((payload ->> 'since')::timestamptz, '-infinity');
  v_until    constant timestamptz := coalesce((payload ->> 'until')::timestamptz, 'infinity');
begin
  return (
    with page as (
      select a
      from plane.audit_entries as a
      where a.org_id = v_org and a.id < v_before
        and (v_action is null or a.action = v_action)
        and (v_resource is null or a.resource = v_resource)
        and (v_id is null or a.resource_id = v_id)
        and (v_actor is null or a.actor_id = v_actor or (a.on_behalf ->> 'id')::uuid = v_actor)
        and (v_kind is null or a.actor_kind = v_kind)
        and (v_trace is null or a.trace_id = v_trace)
        and a.at >= v_since and a.at < v_until
      order by a.id desc
      limit v_limit + 1
    ),
    shown as (
      select (p.a).id as id, plane.audit_json(p.a) as row from page as p order by (p.a).id desc limit v_limit
    )
    select jsonb_build_object(
      'data', coalesce(jsonb_agg(s.row order by s.id desc), '[]'),
      'next', case when (select count(*) from page) > v_limit then jsonb_build_object('id', min(s.id)) end)
    from shown as s
  );
end;
$function$;

CREATE OR REPLACE FUNCTION api.list_budgets(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org  constant uuid := plane.caller_org();
  v_data jsonb;
begin
  select coalesce(jsonb_agg(plane.budget_json(b, s.state) order by b.created_at, b.id), '[]') into v_data
  from jsonb_array_elements(plane.budget_states(v_org)) as s (state)
  join plane.budgets as b on b.org_id = v_org and b.id = (s.state ->> 'id')::uuid
  where payload ->> 'id' is null or b.id = (payload ->> 'id')::uuid;
  if payload ->> 'id' is not null and v_data = '[]' then
    perform plane.raise_error(404, 'budget_not_found', format('There is no budget %s.', payload ->> 'id'), 'List the budgets.',
      '{"next": [{"why": "list the budgets", "method": "GET", "path": "/api/budgets"}]}');
  end if;
  return jsonb_build_object('data', v_data);
end;
$function$;

CREATE OR REPLACE FUNCTION api.list_deliveries(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select d
    from plane.webhook_deliveries as d
    where d.org_id = (select plane.caller_org())
      and (payload ->> 'webhook_id' is null or d.webhook_id = (payload ->> 'webhook_id')::uuid)
      and (payload ->> 'status' is null or d.status = (payload ->> 'status'))
      and (payload ->> 'event_type' is null or d.event_type = (payload ->> 'event_type'))
      and (
        payload -> 'cursor' ->> 'id' is null
        or (d.created_at, d.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by d.created_at desc, d.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.d).created_at as at, (p.d).id as id, plane.delivery_json(p.d) as row
    from page as p
    order by (p.d).created_at desc, (p.d).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_erasures(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select e
    from plane.erasures as e
    where e.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (e.requested_at, e.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by e.requested_at desc, e.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.e).requested_at as at, (p.e).id as id, plane.erasure_json(p.e) as row
    from page as p
    order by (p.e).requested_at desc, (p.e).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_escalations(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
declare
  v_org       constant uuid := plane.caller_org();
  v_limit     constant int := (payload ->> 'limit')::int;
  v_rank      constant int := coalesce((payload -> 'cursor' ->> 'rank')::int, -1);
  v_at        constant timestamptz := coalesce((payload -> 'cursor' ->> 'at')::timestamptz, '-infinity');
  v_id        constant uuid := coalesce((payload -> 'cursor' ->> 'id')::uuid, '00000000-0000-0000-0000-000000000000');
  v_status    constant text := payload ->> 'status';
  v_execution constant uuid := (payload ->> 'execution_id')::uuid;
  v_agent     constant uuid := (payload ->> 'agent_id')::uuid;
  v_me        constant text := plane.caller_id();
  v_page      plane.escalations[];
begin
  select array_agg(e order by e.rank, e.created_at, e.id) into v_page
  from (
    select x.*
    from plane.escalations as x
    where x.org_id = v_org
      and (v_status is null or x.status = v_status)
      and (payload ->> 'is_open' is null or (x.decided_at is null) = (payload ->> 'is_open')::boolean)
      and (payload ->> 'priority' is null or x.priority = payload ->> 'priority')
      and (payload ->> 'kind' is null or x.kind = payload ->> 'kind')
      and (v_execution is null or x.execution_id = v_execution)
      and (v_agent is null or x.agent_id = v_agent)
      and (payload -> 'is_mine' is distinct from 'true' or x.claimed_by ->> 'id' = v_me
        or (plane.caller_person() is not null and x.assign_to <> '[]' and plane.is_assigned(x.assign_to, plane.caller_claims())))
      and (payload -> 'is_answerable' is distinct from 'true' or (x.decided_at is null and plane.refusal_to_answer(x) is null))
      and (x.rank, x.created_at, x.id) > (v_rank, v_at, v_id)
    order by x.rank, x.created_at, x.id
    limit v_limit + 1
  ) as e;

  return jsonb_build_object(
    'data', coalesce((
      select jsonb_agg(plane.escalation_json(v_page[i], false) order by i)
      from generate_series(1, least(v_limit, coalesce(cardinality(v_page), 0))) as i
    ), '[]'),
    'next', case when cardinality(v_page) > v_limit then jsonb_build_object(
      'rank', v_page[v_limit].rank, 'at', v_page[v_limit].created_at, 'id', v_page[v_limit].id) end
  );
end;
$function$;

CREATE OR REPLACE FUNCTION api.list_firings(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select f
    from plane.schedule_firings as f
    where f.org_id = (select plane.caller_org())
      and f.schedule_id = (plane.find_schedule((payload ->> 'schedule_id')::uuid)).id
      and (payload ->> 'outcome' is null or f.outcome = (payload ->> 'outcome'))
      and (
        payload -> 'cursor' ->> 'id' is null
        or (f.created_at, f.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by f.created_at desc, f.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.f).created_at as at, (p.f).id as id, plane.firing_json(p.f) as row
    from page as p
    order by (p.f).created_at desc, (p.f).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_handoffs(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
declare
  v_org       constant uuid := plane.caller_org();
  v_limit     constant int := (payload ->> 'limit')::int;
  v_at        constant timestamptz := coalesce((payload -> 'cursor' ->> 'at')::timestamptz, 'infinity');
  v_id        constant uuid := coalesce((payload -> 'cursor' ->> 'id')::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_to        constant uuid := (payload ->> 'to_agent')::uuid;
  v_from      constant uuid := (payload ->> 'from_agent')::uuid;
  v_agent     constant uuid := (payload ->> 'agent_id')::uuid;
  v_status    constant text := payload ->> 'status';
  v_workflow  constant uuid := (payload ->> 'workflow_id')::uuid;
  v_execution constant uuid := (payload ->> 'execution_id')::uuid;
  v_parent    constant uuid := (payload ->> 'parent_id')::uuid;
  v_page      plane.handoffs[];
begin
  if payload ->> 'offered_to' is not null then
    return jsonb_build_object('next', null, 'data', coalesce((
      select jsonb_agg(plane.handoff_json(h) order by h.created_at, h.id)
      from plane.offered_handoffs((payload ->> 'offered_to')::uuid, v_limit) as h), '[]'));
  end if;
  select array_agg(h order by h.created_at desc, h.id desc) into v_page
  from (
    select x.*
    from plane.handoffs as x
    where x.org_id = v_org
      and (v_to is null or x.to_agent_id = v_to)
      and (v_from is null or x.from_agent_id = v_from)
      and (v_agent is null or x.agent_id = v_agent)
      and (v_status is null or x.status = v_status)
      and (v_workflow is null or x.workflow_id = v_workflow)
      and (v_execution is null or x.execution_id = v_execution)
      and (v_parent is null or x.parent_id = v_parent)
      and (x.created_at, x.id) < (v_at, v_id)
    order by x.created_at desc, x.id desc
    limit v_limit + 1
  ) as h;

  return jsonb_build_object(
    'data', coalesce((
      select jsonb_agg(plane.handoff_json(v_page[i]) order by i)
      from generate_series(1, least(v_limit, coalesce(cardinality(v_page), 0))) as i
    ), '[]'),
    'next', case when cardinality(v_page) > v_limit then jsonb_build_object(
      'at', v_page[v_limit].created_at, 'id', v_page[v_limit].id) end
  );
end;
$function$;

CREATE OR REPLACE FUNCTION api.list_hooks(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select h
    from plane.hooks as h
    where h.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (h.created_at, h.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by h.created_at desc, h.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.h).created_at as at, (p.h).id as id, plane.hook_json(p.h) as row
    from page as p
    order by (p.h).created_at desc, (p.h).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_invitations(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select i
    from plane.invitations as i
    where i.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (i.created_at, i.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by i.created_at desc, i.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.i).created_at as at, (p.i).id as id, plane.invitation_json(p.i) as row
    from page as p
    order by (p.i).created_at desc, (p.i).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_members(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select m
    from plane.members as m
    where m.org_id = (select plane.caller_org()) and m.removed_at is null
      and (payload ->> 'role' is null or m.role = payload ->> 'role')
      and (payload ->> 'email' is null or lower(m.email) = lower(payload ->> 'email'))
      and (
        payload -> 'cursor' ->> 'id' is null
        or (m.joined_at, m.user_id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by m.joined_at desc, m.user_id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.m).joined_at as at, (p.m).user_id as id, plane.member_json(p.m) as row
    from page as p
    order by (p.m).joined_at desc, (p.m).user_id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_memories(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select m
    from plane.memories as m
    where m.org_id = (select plane.caller_org())
      and m.namespace = payload ->> 'namespace'
      and (payload ->> 'key' is null or m.key = payload ->> 'key')
      and (m.expires_at is null or m.expires_at > plane.clock())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (m.created_at, m.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by m.created_at desc, m.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.m).created_at as at, (p.m).id as id, plane.memory_json(p.m) as row
    from page as p
    order by (p.m).created_at desc, (p.m).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_messages(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select m
    from plane.trigger_messages as m
    where m.org_id = (select plane.caller_org())
      and (payload ->> 'hook_id' is null or m.hook_id = (payload ->> 'hook_id')::uuid)
      and (payload ->> 'trigger_id' is null or m.trigger_id = (payload ->> 'trigger_id')::uuid)
      and (payload ->> 'status' is null or m.status = (payload ->> 'status'))
      and (payload ->> 'is_hook' is null or (m.hook_id is not null) = (payload ->> 'is_hook')::boolean)
      and (
        payload -> 'cursor' ->> 'id' is null
        or (m.received_at, m.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by m.received_at desc, m.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.m).received_at as at, (p.m).id as id, plane.message_json(p.m) as row
    from page as p
    order by (p.m).received_at desc, (p.m).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_namespaces(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select m.namespace, count(*) as memories, count(m.embedding) as embedded, max(m.updated_at) as newest_at
    from plane.memories as m
    where m.org_id = (select plane.caller_org())
      and (m.expires_at is null or m.expires_at > plane.clock())
      and starts_with(m.namespace, coalesce(payload ->> 'prefix', ''))
      and (payload -> 'cursor' ->> 'name' is null or m.namespace > payload -> 'cursor' ->> 'name')
    group by m.namespace
    order by m.namespace
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select p.* from page as p order by p.namespace limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(to_jsonb(s) order by s.namespace), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then jsonb_build_object('name', max(s.namespace)) end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_organisations(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object('data', gateway.list_memberships());
end;
$function$;

CREATE OR REPLACE FUNCTION api.list_policies(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with listed as (
    select p, row_number() over (
      order by p.priority desc, array_position('{deny,ask,allow}'::text[], p.effect), p.name) as n
    from plane.policies as p
    where p.org_id = (select plane.caller_org()) and (payload ->> 'kind' is null or p.kind = payload ->> 'kind')
  ),
  page as (
    select n, plane.policy_json(listed.p) as row
    from listed
    where n > coalesce((payload -> 'cursor' ->> 'after')::int, 0)
    order by n
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(page.row order by page.n), '[]'),
    'next', case when max(page.n) < (select count(*) from listed) then jsonb_build_object('after', max(page.n)) end)
  from page;
$function$;

CREATE OR REPLACE FUNCTION api.list_schedules(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select s
    from plane.schedules as s
    where s.org_id = (select plane.caller_org())
      and (payload ->> 'status' is null or s.status = (payload ->> 'status'))
      and (payload ->> 'workflow' is null or s.workflow = (payload ->> 'workflow'))
      and (
        payload -> 'cursor' ->> 'id' is null
        or (s.created_at, s.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by s.created_at desc, s.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.s).created_at as at, (p.s).id as id, plane.schedule_json(p.s) as row
    from page as p
    order by (p.s).created_at desc, (p.s).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_sealed_secrets(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select s.name, s.version, s.sealed
    from plane.secrets as s
    where s.org_id = (select plane.caller_org()) and s.sealed ->> 'key' <> payload ->> 'master_key'
    order by s.name
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'org_id', (select plane.caller_org()),
    'data', coalesce(jsonb_agg(jsonb_build_object('name', p.name, 'version', p.version, 'sealed', p.sealed) order by p.name), '[]'),
    'has_more', count(*) = (payload ->> 'limit')::int)
  from page as p;
$function$;

CREATE OR REPLACE FUNCTION api.list_secrets(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select s
    from plane.secrets as s
    where s.org_id = (select plane.caller_org()) and s.name > coalesce(payload -> 'cursor' ->> 'name', '')
    order by s.name
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.s).name as name, plane.secret_json(p.s) as row from page as p order by (p.s).name limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.name), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int then jsonb_build_object('name', max(s.name)) end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_state_history(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with found as (
    select v.*, row_number() over (order by v.version desc) as place
    from plane.state_versions(payload) as v
    where payload -> 'cursor' ->> 'version' is null or v.version < (payload -> 'cursor' ->> 'version')::bigint
    order by v.version desc
    limit (payload ->> 'limit')::int + 1
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(to_jsonb(f) - 'place' order by f.place) filter (where f.place <= (payload ->> 'limit')::int), '[]'),
    'next', case when count(*) > (payload ->> 'limit')::int
      then jsonb_build_object('version', min(f.version) filter (where f.place <= (payload ->> 'limit')::int)) end)
  from found as f;
$function$;

CREATE OR REPLACE FUNCTION api.list_template_ratings(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select r.*, row_number() over (order by r.updated_at desc, r.rater_id) as place
    from plane.template_ratings as r
    where r.org_id = (select plane.caller_org()) and r.template = payload ->> 'name'
      and (
        payload -> 'cursor' ->> 'id' is null
        or r.updated_at < (payload -> 'cursor' ->> 'at')::timestamptz
        or (r.updated_at = (payload -> 'cursor' ->> 'at')::timestamptz and r.rater_id > (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by r.updated_at desc, r.rater_id
    limit (payload ->> 'limit')::int + 1
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(jsonb_build_object(
      'stars', p.stars, 'comment', p.comment, 'rated_by', p.rated_by, 'rated_at', p.updated_at) order by p.place)
      filter (where p.place <= (payload ->> 'limit')::int), '[]'),
    'next', case when count(*) > (payload ->> 'limit')::int then (
      array_agg(jsonb_build_object('at', p.updated_at, 'id', p.rater_id) order by p.place))[(payload ->> 'limit')::int] end)
  from page as p;
$function$;

CREATE OR REPLACE FUNCTION api.list_templates(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with own as (
    select distinct on (t.name) t.name, plane.template_json(t, false) as template
    from plane.templates as t
    where t.org_id = (select plane.caller_org())
    order by t.name, t.version desc
  ),
  every as (
    select o.name, o.template from own as o
    union all
    select b ->> 'name', b from jsonb_array_elements(payload -> 'builtins') as b
  ),
  ranked as (
    select e.name, e.template || s.standing as template, (s.standing ->> 'score')::numeric as score
    from every as e
    cross join lateral (select plane.template_standing(e.name) as standing) as s
    where (payload ->> 'tag' is null or e.template -> 'tags' ? (payload ->> 'tag'))
      and (
        payload ->> 'query' is null
        or to_tsvector('english', concat_ws(' ', e.name, e.template ->> 'title', e.template ->> 'description', e.template ->> 'tags'))
          @@ websearch_to_tsquery('english', payload ->> 'query')
        or position(lower(payload ->> 'query') in lower(e.name)) > 0
      )
  ),
  page as (
    select r.*, row_number() over (order by r.score desc, r.name) as place
    from ranked as r
    where payload -> 'cursor' ->> 'name' is null
      or r.score < (payload -> 'cursor' ->> 'score')::numeric
      or (r.score = (payload -> 'cursor' ->> 'score')::numeric and r.name > payload -> 'cursor' ->> 'name')
    order by r.score desc, r.name
    limit (payload ->> 'limit')::int + 1
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(p.template order by p.place) filter (where p.place <= (payload ->> 'limit')::int), '[]'),
    'next', case when count(*) > (payload ->> 'limit')::int then (
      array_agg(jsonb_build_object('score', p.score, 'name', p.name) order by p.place))[(payload ->> 'limit')::int] end)
  from page as p;
$function$;

CREATE OR REPLACE FUNCTION api.list_triggers(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select t
    from plane.event_triggers as t
    where t.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (t.created_at, t.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by t.created_at desc, t.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.t).created_at as at, (p.t).id as id, plane.trigger_json(p.t) as row
    from page as p
    order by (p.t).created_at desc, (p.t).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.list_unembedded(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object('data', coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'content', f.content) order by f.created_at, f.id), '[]'))
  from (
    select m.id, m.content, m.created_at
    from plane.memories as m
    where m.org_id = (select plane.caller_org())
      and (payload ->> 'namespace' is null or m.namespace = payload ->> 'namespace')
      and m.embedding_model is distinct from payload ->> 'embedding_model'
      and (m.expires_at is null or m.expires_at > plane.clock())
    order by m.created_at, m.id
    limit (payload ->> 'limit')::int
  ) as f;
$function$;

CREATE OR REPLACE FUNCTION api.list_webhooks(payload jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with page as (
    select w
    from plane.webhooks as w
    where w.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (w.created_at, w.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by w.created_at desc, w.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.w).created_at as at, (p.w).id as id, plane.webhook_json(p.w) as row
    from page as p
    order by (p.w).created_at desc, (p.w).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$function$;

CREATE OR REPLACE FUNCTION api.load_schedule(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_schedule constant plane.schedules := plane.find_schedule((payload ->> 'id')::uuid);
begin
  return jsonb_build_object('schedule', plane.schedule_json(v_schedule)) || coalesce((
    select jsonb_build_object('version_id', v.id, 'document', v.document)
    from plane.workflows as w
    join plane.workflow_versions as v on v.workflow_id = w.id and v.version = coalesce(v_schedule.version, w.latest)
    where w.org_id = v_schedule.org_id and w.name = v_schedule.workflow
  ), '{"version_id": null, "document": null}');
end;
$function$;

CREATE OR REPLACE FUNCTION api.lock_state(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now   constant timestamptz := plane.clock();
  v_until constant timestamptz := v_now + make_interval(secs => (payload ->> 'lease_seconds')::float8);
  v_lock  plane.locks;
begin
  perform plane.check_state_key(payload);
  perform plane.note_agent((payload ->> 'agent_id')::uuid);
  if payload ->> 'fencing_token' is not null then
    update plane.locks
    set lease_until = v_until
    where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
      and token = (payload ->> 'fencing_token')::bigint and lease_until > v_now
    returning * into v_lock;
    if found then
      return plane.lock_json(v_lock) || jsonb_build_object('is_new', false);
    end if;
    select * into v_lock
    from plane.locks
    where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key';
    perform plane.raise_lock_lost(payload, v_lock);
  end if;

  insert into plane.locks as l (org_id, component, key, token, holder, agent_id, acquired_at, lease_until)
  values (plane.caller_org(), payload ->> 'component', payload ->> 'key', nextval('plane.fencing_token'),
    payload ->> 'holder', (payload ->> 'agent_id')::uuid, v_now, v_until)
  on conflict (org_id, component, key) do update
  set
    -- A token of its own, drawn under the row's lock: the later holder's is always the higher one.
    token = nextval('plane.fencing_token'),
    holder = excluded.holder,
    agent_id = excluded.agent_id,
    acquired_at = excluded.acquired_at,
    lease_until = excluded.lease_until
  where l.lease_until <= v_now
  returning * into v_lock;
  if found then
    perform plane.record_audit('lock_state', 'locks', v_lock.component || '/' || v_lock.key,
      jsonb_build_object('fencing_token', v_lock.token, 'holder', v_lock.holder));
    return plane.lock_json(v_lock) || jsonb_build_object('is_new', true);
  end if;

  select * into v_lock
  from plane.locks
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key';
  perform plane.raise_error(409, 'lock_held',
    format('%s/%s is locked by %s until %s.', v_lock.component, v_lock.key, coalesce(v_lock.holder, 'somebody'),
      plane.time_text(v_lock.lease_until)),
    'Wait with Prefer: wait=20, or try again after the lease.',
    jsonb_build_object('holder', v_lock.holder, 'lease_until', plane.time_text(v_lock.lease_until),
      'retry_after', ceil(greatest(1, extract(epoch from v_lock.lease_until - v_now)))));
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.mail_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.mail_escalation(payload);
  perform plane.record_audit('mail_escalation', 'escalations', payload ->> 'id', jsonb_build_object('user_id', payload -> 'user_id'));
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.match_agents(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
declare
  v_org     constant uuid := plane.caller_org();
  v_weights constant jsonb := plane.match_weights(payload);
  v_asks    constant boolean := v_weights ?| '{skill,text,tag,schema}';
  v_exclude constant uuid[] := array(select plane.agent_of(e) from jsonb_array_elements_text(payload -> 'exclude') as e);
  v_offered constant jsonb := plane.offered_types(payload -> 'input_schema', payload -> 'input');
  v_answer  jsonb;
begin
  with asked as materialized (
    select * from plane.match_asked(payload)
  ), hits as materialized (
    select distinct on (t.agent_id, a.kind, a.asked) t.agent_id, a.kind, a.asked, a.term, a.likeness * t.weight as hit, a.rarity
    from asked as a
    join plane.agent_terms as t on t.org_id = v_org and t.kind = a.kind and t.term = a.term
    order by t.agent_id, a.kind, a.asked, a.likeness * t.weight desc, a.term
  ), whole as (
    select count(distinct asked) filter (where kind = 'skill') as skills, count(distinct asked) filter (where kind = 'tag') as tags,
      count(distinct asked) filter (where kind = 'field') as fields,
      (select sum(w.rarity) from (select distinct asked, rarity from asked where kind = 'word') as w) as words
    from asked
  ), relevant as (
    select h.agent_id,
      coalesce(sum(h.hit) filter (where h.kind = 'skill') / nullif(max(w.skills), 0), 0) as skill,
      coalesce(sum(h.hit) filter (where h.kind = 'tag') / nullif(max(w.tags), 0), 0) as tag,
      coalesce(sum(h.hit * h.rarity) filter (where h.kind = 'word') / max(w.words), 0) as text,
      coalesce(sum(h.hit) filter (where h.kind = 'field') / nullif(max(w.fields), 0), 0) as field
    from hits as h
    cross join whole as w
    group by h.agent_id
    union all
    select a.id, 0, 0, 0, 0 from plane.agents as a where not v_asks and a.org_id = v_org and a.deleted_at is null
  ), candidates as materialized (
    select r.*, a.status, a.name, plane.agent_health(a.lease_seconds, a.last_seen_at) as health, a.last_seen_at,
      (coalesce(d.succeeded, 0) + 1.0) / (coalesce(d.succeeded + d.failed, 0) + 2) as rate, d.succeeded, d.failed, d.p50_ms, d.mean_usd,
      r.skill * coalesce((v_weights ->> 'skill')::float8, 0) + r.tag * coalesce((v_weights ->> 'tag')::float8, 0)
      + r.text * coalesce((v_weights ->> 'text')::float8, 0) + r.field * coalesce((v_weights ->> 'schema')::float8, 0) as relevance
    from relevant as r
    join plane.agents as a on a.org_id = v_org and a.id = r.agent_id and a.deleted_at is null
    left join plane.agent_records as d on d.org_id = v_org and d.agent_id = r.agent_id
  ), kept as materialized (
    select c.*, plane.wilson(c.succeeded, c.failed) as success,
      (
        select count(*) from plane.executions as e where e.org_id = v_org and e.agent_id = c.agent_id and e.status = 'running'
      ) + (
        select count(*) from plane.handoffs as h where h.org_id = v_org and h.agent_id = c.agent_id and h.status in ('claimed', 'accepted')
      ) as open_work,
      case when v_weights ? 'schema' then (
        select plane.schema_fit(a.capabilities, v_offered) from plane.agents as a where a.org_id = v_org and a.id = c.agent_id) end as fit
    from (
      select * from candidates
      where status = 'active' and health <> 'lost' and agent_id <> all (v_exclude)
      order by relevance desc, rate desc, name collate "C"
      limit 100
    ) as c
  ), scored as (
    select k.*, s.shares, (
      select round(sum((s.shares ->> w.key)::numeric * w.value::numeric), 4)
      from jsonb_each_text(v_weights) as w) as score
    from kept as k
    cross join lateral (
      select jsonb_build_object(
        'skill', case when v_weights ? 'skill' then round(k.skill::numeric, 4) end,
        'text', case when v_weights ? 'text' then round(k.text::numeric, 4) end,
        'tag', case when v_weights ? 'tag' then round(k.tag::numeric, 4) end,
        'schema', round(k.fit::numeric, 4),
        'health', case k.health when 'active' then 1.0 else 0.4 end,
        'success', round(k.success::numeric, 4),
        'latency', round(coalesce(1 / (1 + k.p50_ms / 60000.0), 0.5), 4),
        'cost', round(coalesce(1 / (1 + k.mean_usd / 0.10), 0.5), 4),
        'load', round(1 / (1 + k.open_work / 4.0), 4)) as shares
    ) as s
  ), ranked as (
    select * from scored order by score desc, name collate "C" limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce((
      select jsonb_agg(jsonb_build_object(
        'agent', plane.agent_json(a) || jsonb_build_object('skills', plane.agent_skills(a.capabilities)),
        'score', r.score,
        'shares', r.shares,
        'reasons', plane.match_reasons(
          (select jsonb_agg(to_jsonb(h) order by h.kind, h.asked) from hits as h where h.agent_id = r.agent_id),
          to_jsonb(r)))
        order by r.score desc, r.name collate "C")
      from ranked as r
      join plane.agents as a on a.id = r.agent_id), '[]'),
    'weights', v_weights,
    'excluded', coalesce((
      select jsonb_agg(jsonb_build_object('id', e.agent_id, 'name', e.name, 'why', case
          when e.agent_id = any (v_exclude) then 'you excluded it'
          when e.status <> 'active' then format('its status is %s', e.status)
          else format('it is lost: last seen %s', plane.time_text(e.last_seen_at)) end)
        order by e.relevance desc, e.name collate "C")
      from (
        select * from candidates
        where status <> 'active' or health = 'lost' or agent_id = any (v_exclude)
        order by relevance desc, name collate "C"
        limit 20
      ) as e), '[]'),
    'considered', (select count(*) from candidates))
  into v_answer;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION api.note_agent_seen(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_id uuid := plane.agent_of(payload ->> 'agent');
begin
  perform plane.note_agent(v_id);
  return jsonb_build_object('id', v_id);
end;
$function$;

CREATE OR REPLACE FUNCTION api.ping()
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select 'ok, schema 2';
$function$;

CREATE OR REPLACE FUNCTION api.publish_template(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_hash constant text := encode(sha256(convert_to(
    concat_ws(e'\n', payload ->> 'title', payload ->> 'description', payload ->> 'tags', payload ->> 'definition'), 'UTF8')), 'hex');
  v_last plane.templates;
  v_new  plane.templates;
begin
  -- Versions of one name are numbered one after the other.
  perform pg_advisory_xact_lock(hashtextextended(plane.caller_org() || '/template/' || (payload ->> 'name'), 0));
  select * into v_last
  from plane.templates
  where org_id = plane.caller_org() and name = payload ->> 'name'
  order by version desc
  limit 1;
  if v_last.content_hash = v_hash then
    return plane.template_json(v_last, true) || plane.template_standing(v_last.name) || jsonb_build_object('is_created', false);
  end if;
  insert into plane.templates (org_id, name, version, title, description, tags, definition, content_hash, lineage, published_by)
  values (
    plane.caller_org(), payload ->> 'name', coalesce(v_last.version, 0) + 1, payload ->> 'title', payload ->> 'description',
    array(select jsonb_array_elements_text(coalesce(payload -> 'tags', '[]'))), payload ->> 'definition', v_hash,
    coalesce(nullif(payload -> 'lineage', 'null'), v_last.lineage), plane.caller_actor())
  returning * into v_new;
  perform plane.record_audit('publish_template', 'templates', v_new.name, jsonb_build_object('version', v_new.version),
    case when v_last.id is not null then plane.template_json(v_last, true) end, plane.template_json(v_new, true));
  return plane.template_json(v_new, true) || plane.template_standing(v_new.name) || jsonb_build_object('is_created', true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.put_memory(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now     constant timestamptz := plane.clock();
  v_expires constant timestamptz := coalesce(
    (payload ->> 'expires_at')::timestamptz, v_now + make_interval(secs => (payload ->> 'expires_in_seconds')::float8));
  v_old     plane.memories;
  v_memory  plane.memories;
begin
  perform plane.check_memory(payload, v_expires);
  perform plane.note_agent((payload ->> 'agent_id')::uuid);
  if payload ->> 'key' is not null then
    select * into v_old
    from plane.memories
    where org_id = plane.caller_org() and namespace = payload ->> 'namespace' and key = payload ->> 'key'
    for update;
  end if;

  insert into plane.memories as m
    (org_id, namespace, key, content, metadata, agent_id, embedding, embedding_model, expires_at, created_by, created_at, updated_at)
  values (
    plane.caller_org(), payload ->> 'namespace', payload ->> 'key', payload ->> 'content', coalesce(payload -> 'metadata', '{}'),
    (payload ->> 'agent_id')::uuid, plane.real_array(payload -> 'embedding'), payload ->> 'embedding_model', v_expires,
    plane.caller_actor(), v_now, v_now)
  on conflict (org_id, namespace, key) where key is not null do update
  set
    content = excluded.content,
    metadata = excluded.metadata,
    agent_id = coalesce(excluded.agent_id, m.agent_id),
    embedding = excluded.embedding,
    embedding_model = excluded.embedding_model,
    expires_at = excluded.expires_at,
    created_by = excluded.created_by,
    updated_at = v_now
  returning * into v_memory;
  if v_memory.created_at = v_now then
    perform plane.check_quota('memories');
  end if;

  if payload ? 'spent_usd' then
    perform plane.note_spending((payload ->> 'spent_usd')::numeric);
  end if;
  perform plane.record_audit('put_memory', 'memory', v_memory.id::text, jsonb_build_object('namespace', v_memory.namespace),
    case when v_old.id is not null then plane.memory_json(v_old) end, plane.memory_json(v_memory));
  return plane.memory_json(v_memory) || jsonb_build_object('is_created', v_memory.created_at = v_now);
end;
$function$;

CREATE OR REPLACE FUNCTION api.put_secret(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org     constant uuid := plane.caller_org();
  v_version constant int := (payload ->> 'version')::int;
  v_before  plane.secrets;
  v_secret  plane.secrets;
begin
  select * into v_before from plane.secrets where org_id = v_org and name = payload ->> 'name' for update;
  insert into plane.secrets (org_id, name, version, sealed, updated_by)
  values (v_org, payload ->> 'name', v_version, payload -> 'sealed', plane.caller_actor())
  on conflict (org_id, name) do update
  set version = excluded.version, sealed = excluded.sealed, updated_by = excluded.updated_by, updated_at = plane.clock()
  where secrets.version < excluded.version
  returning * into v_secret;
  if v_secret.name is null or v_version <> coalesce(v_before.version, v_version - 1) + 1 then
    perform plane.raise_error(409, 'secret_changed', format('Somebody else has set %s at the same time.', payload ->> 'name'),
      'Set it again.');
  end if;

  perform plane.record_audit('put_secret', 'secrets', v_secret.name, jsonb_build_object('version', v_secret.version),
    case when v_before.name is not null then plane.secret_json(v_before) end, plane.secret_json(v_secret));
  return plane.secret_json(v_secret) || jsonb_build_object('is_created', v_before.name is null);
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
  while v_answer is null loop
    v_answer := plane.write_state(payload, plane.match_state(payload), v_value, 'put_state', false);
  end loop;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION api.rate_template(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if not (payload ->> 'is_builtin')::boolean
    and not exists (select from plane.templates where org_id = plane.caller_org() and name = payload ->> 'name') then
    perform plane.raise_error(404, 'template_not_found', format('There is no template %s.', payload ->> 'name'),
      'List them with GET /api/templates.');
  end if;
  insert into plane.template_ratings as r (org_id, template, rater_id, rated_by, stars, comment)
  values (plane.caller_org(), payload ->> 'name', (plane.caller_actor() ->> 'id')::uuid, plane.caller_actor(),
    (payload ->> 'stars')::smallint, payload ->> 'comment')
  on conflict (org_id, template, rater_id) do update
  set stars = excluded.stars, comment = excluded.comment, rated_by = excluded.rated_by, updated_at = plane.clock();
  perform plane.record_audit('rate_template', 'templates', payload ->> 'name', jsonb_build_object('stars', payload -> 'stars'));
  return plane.template_standing(payload ->> 'name');
end;
$function$;

CREATE OR REPLACE FUNCTION api.redeliver_message(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_message plane.trigger_messages := plane.find_message((payload ->> 'id')::uuid);
begin
  if v_message.status = 'handled' then
    perform plane.raise_error(409, 'already_handled', 'This message did what it is for already.',
      'Read it: execution_id or event_id is what came of it.');
  elsif v_message.status = 'failed' then
    update plane.trigger_messages
    set status = 'pending', attempts = 0, due_at = plane.clock(), claim_ref = null, error = null, handled_at = null
    where id = v_message.id and status = 'failed'
    returning * into v_message;
    perform plane.record_audit('redeliver_message', 'messages', v_message.id::text);
  end if;
  return plane.message_json(v_message);
end;
$function$;

CREATE OR REPLACE FUNCTION api.register_agent(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now    constant timestamptz := plane.clock();
  v_before plane.agents;
  v_agent  plane.agents;
begin
  loop -- whoever registers the same name at the same moment is found the second time
    select * into v_before
    from plane.agents
    where org_id = plane.caller_org() and name = payload ->> 'name' and deleted_at is null
    for no key update;
    exit when found;
    insert into plane.agents
      (org_id, name, framework, description, capabilities, endpoint, config, status, lease_seconds,
      last_seen_at, created_at, updated_at)
    values (
      plane.caller_org(),
      payload ->> 'name',
      coalesce(payload ->> 'framework', 'custom'),
      payload ->> 'description',
      coalesce(payload -> 'capabilities', '[]'),
      payload ->> 'endpoint',
      coalesce(payload -> 'config', '{}'),
      coalesce(payload ->> 'status', 'active'),
      (payload ->> 'lease_seconds')::int,
      v_now, v_now, v_now)
    on conflict do nothing
    returning * into v_agent;
    exit when found;
  end loop;

  if v_before.id is null then
    perform plane.check_quota('agents');
  else
    update plane.agents as a
    set
      framework = coalesce(payload ->> 'framework', a.framework),
      description = case when payload ? 'description' then payload ->> 'description' else a.description end,
      capabilities = coalesce(payload -> 'capabilities', a.capabilities),
      endpoint = case when payload ? 'endpoint' then payload ->> 'endpoint' else a.endpoint end,
      config = coalesce(payload -> 'config', a.config),
      status = coalesce(payload ->> 'status', a.status),
      lease_seconds = case when payload ? 'lease_seconds' then (payload ->> 'lease_seconds')::int else a.lease_seconds end,
      last_seen_at = v_now,
      updated_at = v_now
    where a.id = v_before.id
    returning * into v_agent;
  end if;
  perform plane.note_agent_change(v_before, v_agent);
  return plane.agent_json(v_agent) || jsonb_build_object('is_created', v_before.id is null);
end;
$function$;

CREATE OR REPLACE FUNCTION api.reject_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff constant plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
  v_agent   uuid := (payload ->> 'agent_id')::uuid;
begin
  if v_handoff.status = 'pending' and payload ->> 'token' is null then
    v_agent := plane.require_addressee(v_handoff, v_agent);
  else
    perform plane.require_taker(v_handoff, v_agent);
    if v_handoff.status <> 'accepted' or payload ->> 'token' is not null then
      perform plane.require_claim(v_handoff, payload ->> 'token', 'rejected');
    end if;
  end if;
  return plane.end_handoff(v_handoff, 'rejected', 'reject_handoff', v_agent, payload -> 'output_data', jsonb_build_object(
    'code', 'rejected', 'message', coalesce(payload ->> 'reason', 'The agent rejected it.')));
end;
$function$;

CREATE OR REPLACE FUNCTION api.release_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.release_escalation(payload);
  perform plane.record_audit('release_escalation', 'escalations', payload ->> 'id');
  return plane.escalation_json(plane.find_escalation(payload ->> 'id'), true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.release_handoff(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff plane.handoffs := plane.hold_handoff((payload ->> 'id')::uuid);
begin
  perform plane.require_claim(v_handoff, payload ->> 'token', 'released');
  perform plane.note_handoff(v_handoff, 'release_handoff', 'released', jsonb_build_object('reason', left(payload ->> 'reason', 500)));
  v_handoff := plane.give_back_handoff(v_handoff.id, coalesce(payload ->> 'reason', 'The agent gave it back.'));
  return plane.handoff_json(v_handoff) || jsonb_build_object('due', plane.settle_handoff(v_handoff.id));
end;
$function$;

CREATE OR REPLACE FUNCTION api.remove_member(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_user   constant uuid := (payload ->> 'user_id')::uuid;
  v_is_me  constant boolean := plane.caller_person() is not distinct from v_user;
  v_member plane.members;
begin
  if not v_is_me and not plane.caller_has_scope('members:manage') then
    perform plane.raise_error(403, 'missing_scope', 'Removing somebody else needs the scope members:manage.',
      'Ask an owner or an admin of the organisation.', '{"scope": "members:manage"}');
  end if;
  select * into v_member from plane.members where org_id = plane.caller_org() and user_id = v_user;
  if v_member.removed_at is not null then
    return plane.member_json(v_member);
  elsif v_member.role = 'owner' then
    perform plane.require_may_appoint('owner');
  end if;
  v_member := plane.find_member(v_user);
  if v_member.role = 'owner' then
    perform plane.require_may_appoint('owner');
    perform plane.require_other_owner(v_user);
  end if;

  update plane.members set removed_at = plane.clock()
  where org_id = plane.caller_org() and user_id = v_user
  returning * into v_member;
  update plane.invitations set revoked_at = plane.clock()
  where org_id = plane.caller_org() and accepted_at is null and revoked_at is null
    and (lower(email) = lower(v_member.email) or created_by ->> 'id' = v_user::text);
  perform plane.record_audit('remove_member', 'members', v_user::text, jsonb_build_object('role', v_member.role),
    plane.member_json(v_member) || '{"removed_at": null}');
  perform plane.note_event('member.removed', jsonb_build_object('user_id', v_user, 'email', v_member.email, 'role', v_member.role));
  return plane.member_json(v_member);
end;
$function$;

CREATE OR REPLACE FUNCTION api.replay_deliveries(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_webhook constant plane.webhooks := plane.find_webhook((payload ->> 'webhook_id')::uuid);
  v_count   int;
begin
  if v_webhook.status = 'disabled' then
    perform plane.raise_error(409, 'webhook_disabled', 'The webhook is disabled, so nothing is sent.', 'Enable it first.');
  end if;
  with dead as (
    select d.id
    from plane.webhook_deliveries as d
    where d.org_id = v_webhook.org_id and d.webhook_id = v_webhook.id and d.status = 'dead'
      and d.created_at >= (payload ->> 'since')::timestamptz
    order by d.created_at, d.id
    limit 1000
  )
  update plane.webhook_deliveries as d
  set status = 'pending', attempts = 0, next_attempt_at = plane.clock(), claim_ref = null, ended_at = null
  from dead
  where d.id = dead.id;
  get diagnostics v_count = row_count;
  perform plane.record_audit('replay_deliveries', 'webhooks', v_webhook.id::text,
    jsonb_build_object('since', payload -> 'since', 'replayed', v_count));
  return jsonb_build_object('replayed', v_count, 'has_more', v_count = 1000);
end;
$function$;

CREATE OR REPLACE FUNCTION api.replay_delivery(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_delivery plane.webhook_deliveries := plane.find_delivery((payload ->> 'id')::uuid);
begin
  if (plane.find_webhook(v_delivery.webhook_id)).status = 'disabled' then
    perform plane.raise_error(409, 'webhook_disabled', 'The webhook is disabled, so nothing is sent.', 'Enable it first.');
  elsif v_delivery.claim_ref is not null and v_delivery.next_attempt_at > plane.clock() then
    perform plane.raise_error(409, 'still_sending', 'It is being sent at this moment.', 'Wait half a minute and read it again.');
  end if;
  update plane.webhook_deliveries
  set status = 'pending', attempts = 0, next_attempt_at = plane.clock(), claim_ref = null, ended_at = null
  where id = v_delivery.id
  returning * into v_delivery;
  perform plane.record_audit('replay_delivery', 'webhooks', v_delivery.webhook_id::text,
    jsonb_build_object('delivery_id', v_delivery.id));
  return plane.delivery_json(v_delivery);
end;
$function$;

CREATE OR REPLACE FUNCTION api.reseal_secrets(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_count int;
begin
  update plane.secrets as s
  set sealed = given -> 'sealed'
  from jsonb_array_elements(payload -> 'secrets') as given
  where s.org_id = plane.caller_org() and s.name = given ->> 'name' and s.version = (given ->> 'version')::int;
  get diagnostics v_count = row_count;
  perform plane.record_audit('reseal_secrets', 'secrets', null, jsonb_build_object(
    'resealed', v_count, 'names', (select coalesce(jsonb_agg(given -> 'name'), '[]') from jsonb_array_elements(payload -> 'secrets') as given)));
  return jsonb_build_object('resealed', v_count);
end;
$function$;

CREATE OR REPLACE FUNCTION api.resolve_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_answered constant jsonb := plane.resolve_escalation(jsonb_strip_nulls(payload));
begin
  -- The answer that closed it is in the audit already.
  if v_answered ->> 'status' = 'voted' then
    perform plane.record_audit('vote_escalation', 'escalations', payload ->> 'id', jsonb_build_object('outcome', v_answered -> 'outcome'));
  end if;
  return jsonb_build_object(
    'escalation', plane.escalation_json(plane.find_escalation(payload ->> 'id'), true),
    'status', v_answered -> 'status', 'outcome', v_answered -> 'outcome', 'missing', v_answered -> 'missing', 'due', v_answered -> 'due');
end;
$function$;

CREATE OR REPLACE FUNCTION api.restart_execution(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_former constant plane.executions := plane.find_execution(payload ->> 'execution_id');
begin
  if v_former.payloads_dropped_at is not null then
    perform plane.raise_error(409, 'payloads_dropped', 'What the execution was given is gone, as your organisation has set it.',
      'Start a new one with its input.');
  end if;
  return api.start_execution(jsonb_build_object(
    'version_id', v_former.version_id, 'input', v_former.input, 'mode', v_former.mode,
    'agent_id', (select a.id from plane.agents as a where a.id = v_former.agent_id),
    'executed_with_model', v_former.executed_with_model, 'restarted_from', v_former.id));
end;
$function$;

CREATE OR REPLACE FUNCTION api.retry_execution(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_retried   jsonb;
begin
  v_retried := plane.retry_execution(v_execution.id, array(select jsonb_array_elements_text(payload -> 'keep')));
  if (v_retried ->> 'gen')::int <> (payload ->> 'gen')::int + 1 then
    perform plane.raise_error(409, 'gen_changed', format('Execution %s was retried by somebody else meanwhile.', v_execution.id),
      'Read it, then decide again.');
  end if;
  perform plane.record_audit('retry_execution', 'executions', v_execution.id::text,
    jsonb_build_object('gen', v_retried -> 'gen', 'kept', jsonb_array_length(payload -> 'keep'), 'from', payload -> 'from'),
    jsonb_build_object('status', v_execution.status, 'gen', v_execution.gen), jsonb_build_object('status', 'running', 'gen', v_retried -> 'gen'));
  return plane.execution_json(plane.find_execution(v_execution.id::text), true)
    || jsonb_build_object('due', v_retried -> 'due');
end;
$function$;

CREATE OR REPLACE FUNCTION api.revoke_invitation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_invitation plane.invitations;
begin
  select * into v_invitation
  from plane.invitations
  where org_id = plane.caller_org() and id = (payload ->> 'id')::uuid
  for no key update;
  if v_invitation.id is null then
    perform plane.raise_error(404, 'invitation_not_found', format('There is no invitation %s.', payload ->> 'id'),
      'GET /api/invitations lists them.');
  elsif v_invitation.accepted_at is not null then
    perform plane.raise_error(409, 'already_accepted', 'The invitation was accepted.', 'DELETE /api/members/{user_id} takes them out.');
  elsif v_invitation.revoked_at is null then
    update plane.invitations set revoked_at = plane.clock()
    where org_id = plane.caller_org() and id = v_invitation.id
    returning * into v_invitation;
    perform plane.record_audit('revoke_invitation', 'invitations', v_invitation.id::text,
      jsonb_build_object('email', v_invitation.email));
  end if;
  return plane.invitation_json(v_invitation);
end;
$function$;

CREATE OR REPLACE FUNCTION api.revoke_key(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_key    plane.api_keys := plane.lock_key(payload ->> 'id');
  v_is_new constant boolean := v_key.revoked_at is null;
  v_before constant jsonb := plane.key_json(v_key);
begin
  perform plane.require_other_manager(v_key);
  update plane.api_keys
  set revoked_at = coalesce(revoked_at, plane.clock())
  where id = v_key.id
  returning * into v_key;
  perform plane.record_audit('revoke_key', 'keys', v_key.id::text, jsonb_build_object('name', v_key.name), v_before, plane.key_json(v_key));
  if v_is_new then
    perform plane.note_event('key.revoked', plane.key_event(v_key));
  end if;
  return plane.key_json(v_key);
end;
$function$;

CREATE OR REPLACE FUNCTION api.rotate_hook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_hook plane.hooks := plane.require_hook((payload ->> 'id')::uuid);
begin
  if v_hook.scheme = 'standard' and not (payload ->> 'is_standard')::boolean then
    perform plane.raise_error(422, 'invalid_input', 'A secret of the scheme standard is whsec_ and base64 of 24 to 64 bytes.',
      'Leave it out: one is made.', '{"errors": [{"pointer": "/secret", "code": "wrong_form", "message": "Must be whsec_ and base64 of 24 to 64 bytes."}]}');
  end if;
  update plane.hooks as h
  set
    former_secret = h.secret,
    former_until = plane.clock() + (payload ->> 'overlap_seconds')::int * interval '1 second',
    secret = payload -> 'secret',
    updated_at = plane.clock()
  where h.id = v_hook.id
  returning * into v_hook;
  perform plane.record_audit('rotate_hook', 'hooks', v_hook.id::text,
    jsonb_build_object('overlap_seconds', payload -> 'overlap_seconds'));
  return plane.hook_json(v_hook);
end;
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

  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, created_by, expires_at, rotated_from)
  values (
    v_old.org_id, v_old.name, v_old.kind, sha256(decode(payload ->> 'key_hash', 'hex')), payload ->> 'prefix', v_old.scopes,
    plane.caller_id(), v_new.expires_at, v_old.id)
  returning * into v_new;
  update plane.api_keys
  set rotated_to = v_new.id, expires_at = least(expires_at, v_now + make_interval(secs => (payload ->> 'overlap_seconds')::float8))
  where id = v_old.id
  returning * into v_old;
  perform plane.record_audit('rotate_key', 'keys', v_old.id::text,
    jsonb_build_object('name', v_old.name, 'rotated_to', v_new.id, 'overlap_seconds', payload -> 'overlap_seconds'));
  perform plane.note_event('key.rotated', plane.key_event(v_new) || jsonb_build_object('overlap_until', plane.time_text(v_old.expires_at)));
  return plane.key_json(v_new) || jsonb_build_object('replaces', plane.key_json(v_old));
end;
$function$;

CREATE OR REPLACE FUNCTION api.rotate_webhook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_webhook plane.webhooks := plane.find_webhook((payload ->> 'id')::uuid);
begin
  update plane.webhooks as w
  set
    former_secret = w.secret,
    former_until = plane.clock() + (payload ->> 'overlap_seconds')::int * interval '1 second',
    secret = payload -> 'secret',
    updated_at = plane.clock()
  where w.id = v_webhook.id
  returning * into v_webhook;
  perform plane.record_audit('rotate_webhook', 'webhooks', v_webhook.id::text,
    jsonb_build_object('overlap_seconds', payload -> 'overlap_seconds'));
  return plane.webhook_json(v_webhook);
end;
$function$;

CREATE OR REPLACE FUNCTION api.run_schedule(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_schedule constant plane.schedules := plane.find_schedule((payload ->> 'id')::uuid);
  v_started  constant jsonb := plane.start_execution(jsonb_build_object('version_id', payload -> 'version_id', 'input', payload -> 'input'));
  v_firing   plane.schedule_firings;
begin
  insert into plane.schedule_firings (org_id, schedule_id, fire_at, is_manual, outcome, execution_id, is_open)
  values (v_schedule.org_id, v_schedule.id, (payload ->> 'fire_at')::timestamptz, true, 'fired',
    (v_started ->> 'execution_id')::uuid, true)
  returning * into v_firing;
  perform plane.note_event('schedule.fired', jsonb_build_object('schedule_id', v_schedule.id, 'name', v_schedule.name,
    'fire_at', payload -> 'fire_at', 'manual', true), v_firing.execution_id);
  perform plane.record_audit('run_schedule', 'schedules', v_schedule.id::text,
    jsonb_build_object('execution_id', v_firing.execution_id));
  return plane.firing_json(v_firing) || jsonb_build_object('due', v_started -> 'due');
end;
$function$;

CREATE OR REPLACE FUNCTION api.search_memory(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return plane.search_memories(payload);
end;
$function$;

CREATE OR REPLACE FUNCTION api.set_rate_limit(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org constant uuid := plane.caller_org();
begin
  if (payload ->> 'is_lifted')::boolean then
    delete from plane.rate_limits where org_id = v_org and kind = payload ->> 'kind' and subject = payload ->> 'subject';
  else
    insert into plane.rate_limits (org_id, kind, subject, quota, window_seconds, burst)
    values (v_org, payload ->> 'kind', payload ->> 'subject', (payload ->> 'quota')::int, (payload ->> 'window_seconds')::int,
      (payload ->> 'burst')::int)
    on conflict (org_id, kind, subject) do update
    set quota = excluded.quota, window_seconds = excluded.window_seconds, burst = excluded.burst, updated_at = plane.clock();
    perform plane.check_quota('rate_limits');
  end if;
  perform plane.record_audit('set_rate_limit', 'limits', concat_ws('/', payload ->> 'kind', payload ->> 'subject'), payload);
  return api.get_limits('{}');
end;
$function$;

CREATE OR REPLACE FUNCTION api.set_retention(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before constant jsonb := api.get_retention('{}');
  v_after  jsonb;
begin
  insert into plane.retention as r (org_id, payload_days)
  values (plane.caller_org(), (payload ->> 'payload_days')::int)
  on conflict (org_id) do update set payload_days = excluded.payload_days, updated_at = plane.clock();
  v_after := api.get_retention('{}');
  perform plane.record_audit('set_retention', 'organisations', plane.caller_org()::text,
    jsonb_build_object('payload_days', payload -> 'payload_days'), v_before, v_after);
  return v_after;
end;
$function$;

CREATE OR REPLACE FUNCTION api.signal_execution(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_signalled jsonb;
begin
  perform plane.require_signaller();
  v_signalled := plane.signal_execution(v_execution.id, payload ->> 'name', payload -> 'payload');
  -- A decision is in the audit as the escalation's, however it came.
  if v_signalled ->> 'status' = 'voted' then
    perform plane.record_audit('vote_escalation', 'escalations', v_signalled ->> 'escalation_id', jsonb_build_object(
      'outcome', v_signalled -> 'outcome', 'execution_id', v_execution.id));
  elsif v_signalled ->> 'escalation_id' is null then
    perform plane.record_audit('signal_execution', 'executions', v_execution.id::text, jsonb_build_object(
      'name', payload -> 'name', 'status', v_signalled -> 'status', 'outcome', v_signalled -> 'outcome'));
  end if;
  return v_signalled - 'token' || jsonb_build_object('execution_id', v_execution.id, 'name', payload -> 'name');
end;
$function$;

CREATE OR REPLACE FUNCTION api.test_webhook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_webhook  constant plane.webhooks := plane.find_webhook((payload ->> 'id')::uuid);
  v_event    plane.events;
  v_delivery plane.webhook_deliveries;
begin
  if v_webhook.status = 'disabled' then
    perform plane.raise_error(409, 'webhook_disabled', 'The webhook is disabled, so nothing is sent.', 'Enable it first.');
  end if;
  insert into plane.events (org_id, type, data)
  values (v_webhook.org_id, 'webhook.test', jsonb_build_object('webhook_id', v_webhook.id))
  returning * into v_event;
  insert into plane.webhook_deliveries (org_id, webhook_id, feed_id, event_type)
  values (v_webhook.org_id, v_webhook.id, v_event.feed_id, v_event.type)
  returning * into v_delivery;
  perform plane.record_audit('test_webhook', 'webhooks', v_webhook.id::text);
  return plane.delivery_json(v_delivery);
end;
$function$;

CREATE OR REPLACE FUNCTION api.unlock_state(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_lock plane.locks;
begin
  update plane.locks
  set lease_until = least(lease_until, plane.clock())
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
    and token = (payload ->> 'fencing_token')::bigint
  returning * into v_lock;
  if not found then
    select * into v_lock
    from plane.locks
    where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key';
    perform plane.raise_lock_lost(payload, v_lock);
  end if;
  perform plane.record_audit('unlock_state', 'locks', v_lock.component || '/' || v_lock.key,
    jsonb_build_object('fencing_token', v_lock.token));
  return plane.lock_json(v_lock);
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_agent(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  plane.agents := plane.find_agent((payload ->> 'id')::uuid, payload ->> 'name');
  v_agent   plane.agents;
begin
  select * into v_before from plane.agents where id = v_before.id for no key update;
  update plane.agents as a
  set
    name = coalesce(v_changes ->> 'name', a.name),
    framework = coalesce(v_changes ->> 'framework', a.framework),
    description = case when v_changes ? 'description' then v_changes ->> 'description' else a.description end,
    capabilities = coalesce(v_changes -> 'capabilities', a.capabilities),
    endpoint = case when v_changes ? 'endpoint' then v_changes ->> 'endpoint' else a.endpoint end,
    config = coalesce(v_changes -> 'config', a.config),
    status = coalesce(v_changes ->> 'status', a.status),
    lease_seconds = case
      when v_changes ? 'lease_seconds' then (v_changes ->> 'lease_seconds')::int else a.lease_seconds end,
    last_seen_at = case when (payload ->> 'is_sign_of_life')::boolean then plane.clock() else a.last_seen_at end,
    updated_at = case when v_changes = '{}' then a.updated_at else plane.clock() end
  where a.id = v_before.id
  returning * into v_agent;

  perform plane.note_agent_change(v_before, v_agent);
  return plane.agent_json(v_agent);
exception
  when unique_violation then
    perform plane.raise_error(409, 'agent_name_taken', format('Another agent is called %s.', v_changes ->> 'name'),
      'Choose another name.');
    return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_budget(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  constant jsonb := api.list_budgets(jsonb_build_object('id', payload -> 'id')) -> 'data' -> 0;
  v_after   jsonb;
begin
  update plane.budgets
  set
    limit_usd = coalesce((v_changes ->> 'limit_usd')::numeric, limit_usd),
    on_reached = coalesce(v_changes ->> 'on_reached', on_reached),
    warn_at = case when v_changes ? 'warn_at' then (v_changes ->> 'warn_at')::numeric else warn_at end,
    -- What was found and answered was about the old limit.
    warned_on = null, reached_on = null, stopped_on = null,
    updated_at = plane.clock()
  where org_id = plane.caller_org() and id = (payload ->> 'id')::uuid;
  v_after := api.list_budgets(jsonb_build_object('id', payload -> 'id')) -> 'data' -> 0;
  perform plane.record_audit('update_budget', 'budgets', payload ->> 'id', v_changes, v_before - 'state', v_after - 'state');
  return v_after;
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_escalation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_id      constant jsonb := jsonb_build_object('id', payload -> 'id');
  v_changes constant jsonb := payload - array['id', 'status', 'outcome', 'form', 'comment'];
begin
  if v_changes <> '{}' then
    perform plane.update_escalation(v_id || v_changes);
    perform plane.record_audit('update_escalation', 'escalations', payload ->> 'id', v_changes);
  end if;
  case payload ->> 'status'
    when 'open' then perform api.release_escalation(v_id);
    when 'claimed' then perform api.claim_escalation(v_id);
    when 'resolved' then return api.resolve_escalation(payload - array['status', 'assign_to', 'priority']);
    when 'dismissed' then return api.dismiss_escalation(payload - array['status', 'assign_to', 'priority']);
    else null;
  end case;
  return jsonb_build_object('escalation', api.get_escalation(v_id), 'due', '[]'::jsonb);
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_execution(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_status    constant text := payload ->> 'status';
  v_cost      numeric := payload ->> 'cost_usd';
  v_is_told   boolean := payload ? 'cost_usd'; -- by this report, or by its steps
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  perform plane.require_external(v_execution);
  if v_status = 'running' and v_execution.status = 'running' then
    return plane.execution_json(v_execution, true);
  end if;

  if not v_is_told then
    select
      case when bool_and(not c.is_cost_unknown) then sum(c.cost_usd) end,
      coalesce(bool_or(c.cost_usd is not null or c.is_cost_unknown), false)
    into v_cost, v_is_told
    from plane.checkpoints as c
    where c.execution_id = v_execution.id;
  end if;
  if v_execution.status = 'running' and (plane.end_external_execution(
    payload || case when v_is_told then '{}' else '{"cost_usd": null}' end::jsonb) ->> 'is_new')::boolean
  then
    perform plane.record_audit('update_execution', 'executions', v_execution.id::text,
      jsonb_build_object('status', v_status, 'agent_id', payload -> 'agent_id'),
      jsonb_build_object('status', v_execution.status), payload - 'execution_id');
    return plane.execution_json(plane.find_execution(v_execution.id::text), true);
  end if;

  v_execution := plane.find_execution(v_execution.id::text);
  if (v_execution.status, v_execution.output, v_execution.error, v_execution.cost_usd)
    is distinct from (v_status, nullif(payload -> 'output', 'null'), nullif(payload -> 'error', 'null'), v_cost::numeric(18, 9))
  then
    perform plane.raise_error(409, 'illegal_transition',
      case v_execution.status
        when v_status then format('Execution %s is %s already, by another report.', v_execution.id, v_execution.status)
        else format('Execution %s is %s: it cannot become %s.', v_execution.id, v_execution.status, v_status) end,
      'It has ended for good. Restart it instead.',
      jsonb_build_object('allowed', '[]'::jsonb, 'status_now', v_execution.status));
  end if;
  return plane.execution_json(v_execution, true);
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_hook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  constant plane.hooks := plane.require_hook((payload ->> 'id')::uuid);
  v_hook    plane.hooks;
begin
  update plane.hooks as h
  set
    name = coalesce(v_changes ->> 'name', h.name),
    target = coalesce(v_changes -> 'target', h.target),
    is_enabled = coalesce((v_changes ->> 'enabled')::boolean, h.is_enabled),
    updated_at = plane.clock()
  where h.id = v_before.id
  returning * into v_hook;
  perform plane.record_audit('update_hook', 'hooks', v_hook.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)),
    plane.hook_json(v_before), plane.hook_json(v_hook));
  return plane.hook_json(v_hook);
exception
  when unique_violation then
    perform plane.raise_name_taken('hook', v_changes ->> 'name');
    return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_key(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  plane.api_keys := plane.lock_key(payload ->> 'id');
  v_key     plane.api_keys := v_before;
begin
  if v_before.revoked_at is not null or v_before.expires_at <= plane.clock() then
    perform plane.raise_error(409, 'key_not_active', 'This key is revoked or expired.', 'Make a new key.');
  end if;
  if v_changes ? 'expires_in_seconds' then
    v_key.expires_at := plane.key_end((v_changes ->> 'expires_in_seconds')::float8);
    if v_key.expires_at is null or v_key.expires_at > v_before.expires_at then
      perform plane.require_scopes_of(v_before.scopes, null); -- a longer life is given by who could give the key
    end if;
    if v_key.expires_at is not null then
      perform plane.require_other_manager(v_before);
    end if;
  end if;

  update plane.api_keys
  set name = coalesce(v_changes ->> 'name', name), expires_at = v_key.expires_at
  where id = v_key.id
  returning * into v_key;
  perform plane.record_audit('update_key', 'keys', v_key.id::text, jsonb_build_object('changed', (
    select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)), plane.key_json(v_before), plane.key_json(v_key));
  perform plane.note_event('key.changed', plane.key_event(v_key));
  return plane.key_json(v_key);
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_limits(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org     constant uuid := plane.caller_org();
  v_before  constant jsonb := api.get_limits('{}') -> 'quotas';
  v_answer  jsonb;
begin
  insert into plane.quotas as q (org_id, name, max_value, updated_at)
  select v_org, w.key, (w.value #>> '{}')::bigint, plane.clock()
  from jsonb_each(coalesce(payload -> 'quotas', '{}')) as w
  order by w.key
  on conflict (org_id, name) do update set max_value = excluded.max_value, updated_at = excluded.updated_at;
  delete from plane.quotas
  where org_id = v_org and name in (select jsonb_array_elements_text(coalesce(payload -> 'reset', '[]')));
  v_answer := api.get_limits('{}');
  perform plane.record_audit('update_limits', 'limits', null, payload, v_before, v_answer -> 'quotas');
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_member(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_user   constant uuid := (payload ->> 'user_id')::uuid;
  v_before plane.members;
  v_member plane.members;
begin
  select * into v_before from plane.members where org_id = plane.caller_org() and user_id = v_user and removed_at is null;
  if payload ->> 'role' is not null and payload ->> 'role' <> v_before.role then
    perform plane.require_may_appoint(v_before.role, payload ->> 'role');
    perform plane.require_scopes_of(
      array(select unnest(plane.role_scopes(payload ->> 'role')) except select unnest(plane.role_scopes(v_before.role))), null);
  end if;
  -- Read again: the owners are locked now, and what the caller may do was decided by the role that the member had.
  v_member := plane.find_member(v_user);
  if v_member.role is distinct from v_before.role then
    perform plane.raise_error(409, 'member_changed', 'Somebody else has just changed this member.', 'Read it again, then decide.');
  end if;
  if v_member.role = 'owner' and payload ->> 'role' <> 'owner' then
    perform plane.require_other_owner(v_user);
  end if;

  update plane.members
  set role = coalesce(payload ->> 'role', role),
    may_decide_by_mail = coalesce((payload ->> 'may_decide_by_mail')::boolean, may_decide_by_mail)
  where org_id = plane.caller_org() and user_id = v_user
  returning * into v_member;
  perform plane.record_audit('update_member', 'members', v_user::text,
    jsonb_build_object('role', v_member.role, 'may_decide_by_mail', v_member.may_decide_by_mail),
    plane.member_json(v_before), plane.member_json(v_member));
  perform plane.note_event('member.changed', jsonb_build_object(
    'user_id', v_user, 'email', v_member.email, 'role', v_member.role, 'former_role', v_before.role));
  return plane.member_json(v_member);
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_organisation(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before constant jsonb := api.get_organisation('{}');
begin
  begin
    update plane.organisations set name = payload ->> 'name' where id = plane.caller_org();
  exception when unique_violation then
    perform plane.raise_error(409, 'organisation_exists', format('The name %s is taken.', payload ->> 'name'), 'Choose another name.');
  end;
  perform plane.record_audit('update_organisation', 'organisations', plane.caller_org()::text,
    jsonb_build_object('name', payload -> 'name'), v_before, api.get_organisation('{}'));
  return api.get_organisation('{}');
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_policy(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before  constant plane.policies := plane.find_policy((payload ->> 'id')::uuid);
  v_changes constant jsonb := payload -> 'changes';
  v_policy  plane.policies;
begin
  update plane.policies as p
  set
    name = coalesce(v_changes ->> 'name', p.name),
    effect = coalesce(v_changes ->> 'effect', p.effect),
    kind = coalesce(v_changes ->> 'kind', p.kind),
    pattern = coalesce(v_changes ->> 'pattern', p.pattern),
    workflows = case when v_changes ? 'workflows' then array(select jsonb_array_elements_text(v_changes -> 'workflows')) else p.workflows end,
    agents = case when v_changes ? 'agents' then array(select jsonb_array_elements_text(v_changes -> 'agents')) else p.agents end,
    priority = coalesce((v_changes ->> 'priority')::int, p.priority),
    reason = case when v_changes ? 'reason' then v_changes ->> 'reason' else p.reason end,
    is_enabled = coalesce((v_changes ->> 'is_enabled')::boolean, p.is_enabled),
    updated_at = plane.clock()
  where p.id = v_before.id
  returning * into v_policy;
  perform plane.record_audit('update_policy', 'policies', v_policy.id::text,
    jsonb_build_object('name', v_policy.name, 'fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)),
    plane.policy_json(v_before), plane.policy_json(v_policy));
  return plane.policy_json(v_policy);
exception
  when unique_violation then
    perform plane.raise_error(409, 'policy_name_taken', format('Another policy is called %s.', v_changes ->> 'name'), 'Choose another name.');
    return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_schedule(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before   constant plane.schedules := plane.find_schedule((payload ->> 'id')::uuid);
  v_wanted   constant plane.schedules := jsonb_populate_record(v_before, payload -> 'changes');
  v_keeps    constant boolean := coalesce((payload ->> 'keeps_times')::boolean, false);
  v_schedule plane.schedules;
begin
  if payload -> 'changes' ?| array['workflow', 'version'] then
    perform plane.find_version(jsonb_build_object('name', v_wanted.workflow, 'version', v_wanted.version));
  end if;
  update plane.schedules as s
  set
    name = v_wanted.name, workflow = v_wanted.workflow, version = v_wanted.version, input = v_wanted.input, cron = v_wanted.cron,
    timezone = v_wanted.timezone, catch_up = v_wanted.catch_up, max_catch_up = v_wanted.max_catch_up, overlap = v_wanted.overlap,
    jitter_seconds = v_wanted.jitter_seconds, starts_at = v_wanted.starts_at, ends_at = v_wanted.ends_at,
    status = payload ->> 'status',
    next_fire_at = case when v_keeps then s.next_fire_at else (payload ->> 'next_fire_at')::timestamptz end,
    due_at = case when v_keeps then s.due_at else (payload ->> 'due_at')::timestamptz end,
    claim_ref = null,
    updated_at = plane.clock()
  where s.id = v_before.id and s.updated_at = (payload ->> 'if_updated_at')::timestamptz
    and s.last_fire_at is not distinct from (payload ->> 'if_last_fire_at')::timestamptz
  returning * into v_schedule;
  if v_schedule.id is null then
    perform plane.raise_error(409, 'schedule_changed', 'The schedule was changed or fired meanwhile.', 'Read it, then send this again.');
  end if;
  perform plane.record_audit(payload ->> 'action', 'schedules', v_schedule.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(payload -> 'changes') as f)),
    plane.schedule_json(v_before), plane.schedule_json(v_schedule));
  return plane.schedule_json(v_schedule);
exception
  when unique_violation then
    perform plane.raise_name_taken('schedule', payload -> 'changes' ->> 'name');
    return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_trigger(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  constant plane.event_triggers := plane.find_trigger((payload ->> 'id')::uuid);
  v_starts  constant boolean := coalesce((v_changes ->> 'enabled')::boolean, false) and not v_before.is_enabled;
  v_trigger plane.event_triggers;
begin
  update plane.event_triggers as t
  set
    name = coalesce(v_changes ->> 'name', t.name),
    event = coalesce(v_changes ->> 'event', t.event),
    match = coalesce(v_changes -> 'match', t.match),
    target = coalesce(v_changes -> 'target', t.target),
    is_enabled = coalesce((v_changes ->> 'enabled')::boolean, t.is_enabled),
    since_xid = case when v_starts then plane.listen('triggers') else t.since_xid end,
    updated_at = plane.clock()
  where t.id = v_before.id
  returning * into v_trigger;
  perform plane.record_audit('update_trigger', 'triggers', v_trigger.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)),
    plane.trigger_json(v_before), plane.trigger_json(v_trigger));
  return plane.trigger_json(v_trigger);
exception
  when unique_violation then
    perform plane.raise_name_taken('trigger', v_changes ->> 'name');
    return null;
end;
$function$;

CREATE OR REPLACE FUNCTION api.update_webhook(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_before  constant plane.webhooks := plane.find_webhook((payload ->> 'id')::uuid);
  v_on      constant boolean := coalesce((v_changes ->> 'enabled')::boolean, v_before.status = 'enabled');
  v_starts  constant boolean := v_on and v_before.status = 'disabled';
  v_webhook plane.webhooks;
begin
  update plane.webhooks as w
  set
    url = coalesce(v_changes ->> 'url', w.url),
    events = case when v_changes ? 'events' then array(select jsonb_array_elements_text(v_changes -> 'events')) else w.events end,
    description = case when v_changes ? 'description' then v_changes ->> 'description' else w.description end,
    status = case when v_on then 'enabled' else 'disabled' end,
    disabled_reason = case when not v_on then coalesce(w.disabled_reason, 'asked') end,
    since_xid = case when v_starts then plane.listen('webhooks') else w.since_xid end,
    failures = case when v_starts then 0 else w.failures end,
    failing_since = case when not v_starts then w.failing_since end,
    updated_at = plane.clock()
  where w.id = v_before.id
  returning * into v_webhook;
  if not v_on then
    update plane.webhook_deliveries
    set status = 'dead', ended_at = plane.clock()
    where webhook_id = v_webhook.id and status = 'pending' and claim_ref is null;
  end if;
  perform plane.record_audit('update_webhook', 'webhooks', v_webhook.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)),
    plane.webhook_json(v_before), plane.webhook_json(v_webhook));
  return plane.webhook_json(v_webhook);
end;
$function$;

CREATE OR REPLACE FUNCTION api.use_template(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_made constant jsonb := api.create_workflow(payload -> 'workflow');
begin
  insert into plane.template_uses (org_id, template, template_version, workflow_id, workflow_version, used_by)
  values (plane.caller_org(), payload ->> 'name', (payload ->> 'version')::int, (v_made ->> 'id')::uuid,
    (v_made ->> 'version')::int, plane.caller_actor())
  on conflict on constraint template_uses_count_once do nothing;
  return v_made;
end;
$function$;

CREATE OR REPLACE FUNCTION api.verify_audit(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org     constant uuid := plane.caller_org();
  v_from    constant bigint := coalesce((payload -> 'after' ->> 'seq')::bigint, 0);
  v_to      constant bigint := v_from + (payload ->> 'limit')::int;
  v_known   constant jsonb := nullif(payload -> 'known', 'null');
  v_head    plane.audit_heads;
  v_prev    text := repeat('0', 64);
  v_seq     bigint := v_from;
  v_erased  int := 0;
  v_seal    record;
  v_problem jsonb;
begin
  select * into v_head from plane.audit_heads where org_id = v_org;
  v_head.seq := coalesce(v_head.seq, 0);
  v_head.hash := coalesce(v_head.hash, v_prev);
  if v_from > 0 then
    select hash into v_prev from plane.audit_seals where org_id = v_org and seq = v_from;
    v_problem := plane.known_seal(v_from, payload -> 'after' ->> 'hash', v_prev);
  end if;
  if v_problem is null and v_known is not null then
    v_problem := plane.known_seal((v_known ->> 'seq')::bigint, v_known ->> 'hash',
      (select hash from plane.audit_seals where org_id = v_org and seq = (v_known ->> 'seq')::bigint));
  end if;

  if v_problem is null then
    for v_seal in
      select s as seal, a as entry
      from plane.audit_seals as s
      left join plane.audit_entries as a on a.org_id = s.org_id and a.id = s.entry_id
      where s.org_id = v_org and s.seq > v_from and s.seq <= v_to
      order by s.seq
    loop
      v_problem := plane.seal_problem(v_seal.seal, v_seal.entry, v_seq + 1, v_prev);
      exit when v_problem is not null;
      v_seq := (v_seal.seal).seq;
      v_prev := (v_seal.seal).hash;
      v_erased := v_erased + ((v_seal.entry).erased_in is not null)::int;
    end loop;
  end if;
  if v_problem is null then
    v_problem := plane.unsealed_problem(v_from, v_seq, v_to, v_head, v_prev);
  end if;

  return jsonb_build_object(
    'checked', v_seq - v_from,
    'to', jsonb_build_object('seq', v_seq, 'hash', v_prev),
    'head', jsonb_build_object('seq', v_head.seq, 'hash', v_head.hash),
    'erased', v_erased,
    'problem', v_problem,
    'has_more', v_problem is null and v_seq < v_head.seq)
  || (
    select jsonb_build_object('unsealed', count(*), 'unsealed_since', min(e.at))
    from (select at from plane.audit_entries where org_id = v_org and seq is null limit 10000) as e);
end;
$function$;

CREATE OR REPLACE FUNCTION api.withdraw_template(payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_count int;
begin
  delete from plane.templates where org_id = plane.caller_org() and name = payload ->> 'name';
  get diagnostics v_count = row_count;
  if v_count = 0 then
    perform plane.raise_error(404, 'template_not_found', format('There is no template %s of yours.', payload ->> 'name'),
      'List them with GET /api/templates.');
  end if;
  perform plane.record_audit('withdraw_template', 'templates', payload ->> 'name', jsonb_build_object('versions', v_count));
  return jsonb_build_object('withdrawn', v_count);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._begin_once(p_key text, p_fingerprint text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org    uuid := plane.caller_org();
  v_caller uuid := plane.caller_id();
  v_kept   plane.idempotency;
begin
  insert into plane.idempotency (org_id, key_id, key, fingerprint)
  values (v_org, v_caller, p_key, p_fingerprint)
  on conflict do nothing;
  if found then
    return null;
  end if;

  select * into v_kept
  from plane.idempotency
  where org_id = v_org and key_id = v_caller and key = p_key;
  if v_kept.fingerprint is distinct from p_fingerprint then
    perform plane.raise_error(422, 'idempotency_mismatch',
      format('The idempotency key %s was used before with another request.', p_key),
      'Repeat the first request exactly, or take a new key.');
  end if;
  return jsonb_build_object('answer', v_kept.answer, 'replayed', true);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._call_verb(p_fn text, p_payload jsonb, p_idempotency jsonb, p_lease jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_keeps  constant boolean := p_idempotency is not null and plane.caller_org() is not null;
  v_lease  jsonb;
  v_answer jsonb;
begin
  if p_lease is not null then
    v_lease := jsonb_build_object('lease', gateway._lease_tokens(p_lease));
  end if;
  if v_keeps then
    v_answer := gateway._begin_once(p_idempotency ->> 'key', p_idempotency ->> 'fingerprint');
    if v_answer is not null then
      return v_answer || coalesce(v_lease, '{}');
    end if;
  end if;

  execute format('select api.%I($1)', p_fn) into v_answer using p_payload;

  if v_keeps then
    return gateway._end_once(p_idempotency ->> 'key', v_answer) || coalesce(v_lease, '{}');
  elsif p_idempotency is not null or p_lease is not null then
    return jsonb_build_object('answer', v_answer, 'replayed', false) || coalesce(v_lease, '{}');
  end if;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._check_token(p_token jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_token ->> 'role' is distinct from 'authenticated'
    or not coalesce(p_token -> 'aud' @> '"authenticated"', false)
    or coalesce(p_token ->> 'sub', '') !~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'
    or jsonb_typeof(p_token -> 'exp') is distinct from 'number'
  then
    perform plane.raise_error(401, 'token_invalid', 'This is not the access token of a signed-in person.',
      'Sign in and send Authorization: Bearer <access token>.');
  elsif (p_token ->> 'exp')::numeric <= extract(epoch from plane.clock()) then
    perform plane.raise_error(401, 'token_expired', 'The access token has expired.', 'Refresh the session, or sign in again.');
  end if;
  return (p_token ->> 'sub')::uuid;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._claims_of(p_member plane.members, p_claims jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return p_claims || jsonb_build_object(
    'org_id', p_member.org_id, 'role', p_member.role, 'scopes', plane.role_scopes(p_member.role));
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._end_once(p_key text, p_answer jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update plane.idempotency
  set answer = p_answer
  where org_id = plane.caller_org() and key_id = plane.caller_id() and key = p_key;
  return jsonb_build_object('answer', p_answer, 'replayed', false);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._erase_organisation(p_erasure plane.erasures, p_limit integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_left  int := p_limit;
  v_count int;
  v_table record;
begin
  for v_table in select * from gateway._plane_tables() order by depth, name loop
    execute format('delete from plane.%1$I where ctid = any (array(select ctid from plane.%1$I where %2$I = $1 limit $2))',
      v_table.name, v_table.org_column)
    using p_erasure.org_id, v_left;
    get diagnostics v_count = row_count;
    v_left := v_left - v_count;
    exit when v_left <= 0;
  end loop;
  update plane.erasures set row_count = row_count + p_limit - v_left where id = p_erasure.id;
  return v_left > 0;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._erase_person(p_erasure plane.erasures, p_limit integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_kept   constant text[] := '{audit_entries,audit_heads,audit_salts,audit_seals,payloads,workflow_versions}';
  v_marks  constant text[] := p_erasure.names || p_erasure.subject::text;
  v_after  jsonb := p_erasure.place -> 'after';
  v_table  record;
  v_page   record;
  v_set    text;
  v_where  text;
  v_count  bigint := 0;
begin
  select * into v_table
  from gateway._plane_tables()
  where name <> all (c_kept)
    and (name > coalesce(p_erasure.place ->> 'table', '') or (name = p_erasure.place ->> 'table' and v_after is not null and v_after <> 'null'))
  order by name
  limit 1;
  if not found then
    return true;
  end if;
  v_after := case when v_table.name = p_erasure.place ->> 'table' then v_after end;
  select
    string_agg(case when c.is_json
      then format('%1$I = gateway._without_names(t.%1$I, $4, $5, $6)', c.name)
      else format('%1$I = gateway._without_names(to_jsonb(t.%1$I), $4, $5, $6) #>> ''{}''', c.name) end, ', '),
    string_agg(case when c.is_json
      then format('exists (select from unnest($7) as m where position(m in lower(t.%I::text)) > 0)', c.name)
      else format('exists (select from unnest($5) as m where position(m in lower(t.%I)) > 0)', c.name) end, ' or ')
  into v_set, v_where
  from (
    select a.attname as name, a.atttypid = 'jsonb'::regtype as is_json
    from pg_attribute as a
    where a.attrelid = format('plane.%I', v_table.name)::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      and a.attname <> 'sealed' and a.attname <> all (v_table.key)
      and (a.atttypid = 'jsonb'::regtype or (a.atttypid = 'text'::regtype and a.attname !~ 'hash|path|token|kind|status|type|queue|frame|owner'))
  ) as c;

  execute format(
    'select count(*) as seen, (array_agg(key))[count(*)] as last from ('
    'select jsonb_build_array(%1$s) as key from plane.%2$I as t where t.%3$I = $1 and %4$s order by %1$s limit $3) as page',
    (select string_agg(format('t.%I', k), ', ' order by n) from unnest(v_table.key) with ordinality as u (k, n)),
    v_table.name, v_table.org_column, gateway._key_range(v_table.key, v_table.types, v_after is not null, false))
  into v_page
  using p_erasure.org_id, v_after, p_limit;
  if v_page.seen > 0 and v_set is not null then
    execute format('update plane.%I as t set %s where t.%I = $1 and %s and (%s)', v_table.name, v_set, v_table.org_column,
      gateway._key_range(v_table.key, v_table.types, v_after is not null, true), v_where)
    using p_erasure.org_id, v_after, v_page.last, p_erasure.subject, p_erasure.names, p_erasure.label, v_marks;
    get diagnostics v_count = row_count;
  end if;
  update plane.erasures
  set
    place = jsonb_build_object('table', v_table.name, 'after', case when v_page.seen = p_limit then v_page.last end),
    row_count = row_count + v_count
  where id = p_erasure.id;
  return false;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._find_invitation(p_token_hash text)
 RETURNS plane.invitations
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_invitation plane.invitations;
begin
  select * into v_invitation
  from plane.invitations
  where token_hash = case when p_token_hash ~ '^[0-9a-f]{64}$' then sha256(decode(p_token_hash, 'hex')) end
    and accepted_at is null and revoked_at is null and expires_at > plane.clock();
  if v_invitation.id is null then
    perform plane.raise_error(404, 'invitation_not_found', 'There is no such invitation, or it was used, taken back or has expired.',
      'Ask who invited you for a new one.');
  end if;
  return v_invitation;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._find_membership(p_user_id uuid, p_organisation text)
 RETURNS plane.members
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_found plane.members[];
  v_names jsonb;
begin
  select array_agg(m), jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'role', m.role) order by o.name)
  into v_found, v_names
  from plane.members as m
  join plane.organisations as o on o.id = m.org_id
  where m.user_id = p_user_id and m.removed_at is null
    and (p_organisation is null or o.id::text = lower(p_organisation) or o.name = p_organisation);

  if v_found is null then
    perform plane.raise_error(403, 'not_a_member',
      case when p_organisation is null then 'You are not a member of any organisation.'
        else format('You are not a member of an organisation %s.', p_organisation) end,
      'Accept an invitation, create an organisation, or ask one of its admins to invite you; GET /api/organisations lists yours.');
  elsif cardinality(v_found) > 1 then
    perform plane.raise_error(409, 'organisation_required',
      format('You are a member of %s organisations.', cardinality(v_found)),
      'Say which one you mean with the header AgentPlane-Organisation: its id or its name.',
      jsonb_build_object('organisations', v_names));
  end if;
  return v_found[1];
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._key_range(p_key text[], p_types text[], p_has_start boolean, p_has_end boolean)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_key   constant text := (select string_agg(format('t.%I', k), ', ' order by n) from unnest(p_key) with ordinality as u (k, n));
  v_value constant text := (
    select string_agg(format('(%%1$s ->> %s)::%s', n - 1, t), ', ' order by n) from unnest(p_types) with ordinality as u (t, n));
begin
  return concat_ws(' and ',
    case when p_has_start then format('(%s) > (%s)', v_key, replace(v_value, '%1$s', '$2')) end,
    case when p_has_end then format('(%s) <= (%s)', v_key, replace(v_value, '%1$s', '$3')) end,
    case when not p_has_start and not p_has_end then 'true' end);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._lease_tokens(p_lease jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims  constant jsonb := plane.caller_claims();
  v_org     constant uuid := (v_claims ->> 'org_id')::uuid;
  v_now     constant timestamptz := plane.clock();
  v_kind    text;
  v_asked   jsonb;
  v_subject text;
  v_limit   record;
  v_bucket  plane.rate_buckets;
  v_left    double precision;
  v_batch   int;
  v_granted int;
  v_told    jsonb;
  v_answer  jsonb := '{}';
begin
  if v_org is null or coalesce(v_claims ->> 'principal', '') not in ('api_key', 'person') then
    return null;
  end if;
  foreach v_kind in array array[case v_claims ->> 'principal' when 'person' then 'person' else 'key' end, 'agent'] loop
    v_asked := p_lease -> case when v_kind = 'agent' then 'agent' else 'caller' end;
    continue when v_asked is null;
    v_subject := case v_kind when 'key' then v_claims ->> 'key_id' when 'person' then v_claims ->> 'user_id' else left(v_asked ->> 'subject', 200) end;
    v_limit := gateway._rate_limit_of(v_org, v_kind, v_subject, v_asked -> 'default');

    insert into plane.rate_buckets as b (org_id, kind, subject, tokens, refilled_at)
    values (v_org, v_kind, v_subject, coalesce(v_limit.burst, 0), v_now)
    on conflict do nothing;
    select * into v_bucket
    from plane.rate_buckets
    where org_id = v_org and kind = v_kind and subject = v_subject
    for no key update;

    v_left := least(v_limit.burst, v_bucket.tokens + greatest(0, (v_asked ->> 'unspent')::int)
      + greatest(0, extract(epoch from v_now - v_bucket.refilled_at)) * v_limit.quota / v_limit.window_seconds) - greatest(0, (v_asked ->> 'debt')::int);
    v_batch := case when v_limit.quota is null then 50 else least(50, v_limit.quota / 20, v_limit.burst / 20) end;
    v_told := jsonb_build_object('quota', v_limit.quota, 'window_seconds', v_limit.window_seconds, 'burst', v_limit.burst, 'batch', v_batch);
    if v_left < 1 then
      perform plane.raise_error(429, 'rate_limited',
        format('This %s has sent its %s requests in %s seconds.', v_kind, v_limit.quota, v_limit.window_seconds),
        'Wait for retry_after seconds. Who may manage limits can raise it: PUT /api/limits/rates.',
        jsonb_build_object('kind', v_kind, 'limit', v_told || jsonb_build_object('left', 0),
          'retry_after', round(((1 - v_left) * v_limit.window_seconds / v_limit.quota)::numeric, 3)));
    end if;

    v_granted := case when coalesce((v_asked ->> 'batch')::boolean, true)
      then case when v_left is null then v_batch else least(v_batch, floor((v_left - 1) / 4)::int) end else 0 end;
    update plane.rate_buckets as b
    set
      tokens = coalesce(v_left - 1 - v_granted, 0),
      refilled_at = greatest(b.refilled_at, v_now), -- who waited for the row came with an older time
      counted = counted + 1 + v_granted + greatest(0, (v_asked ->> 'debt')::int) - greatest(0, (v_asked ->> 'unspent')::int)
    where org_id = v_org and kind = v_kind and subject = v_subject;
    v_answer := v_answer || jsonb_build_object(case when v_kind = 'agent' then 'agent' else 'caller' end,
      v_told || jsonb_build_object('granted', v_granted, 'left', floor(v_left - 1 - v_granted)));
  end loop;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._note_member(p_member plane.members, p_email text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update plane.members
  set last_seen_at = plane.clock(), email = p_email
  where (org_id, user_id) = (
    select org_id, user_id from plane.members where org_id = p_member.org_id and user_id = p_member.user_id
    for no key update skip locked);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._note_use(p_key_id uuid, p_key_hash text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update plane.api_keys
  set last_used_at = plane.clock(), key_hash = sha256(decode(p_key_hash, 'hex'))
  where id = (select id from plane.api_keys where id = p_key_id for no key update skip locked);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._plane_tables()
 RETURNS TABLE(name text, org_column text, key text[], types text[], depth integer)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with recursive refers as (
    select distinct conrelid as child, confrelid as parent
    from pg_constraint
    where contype = 'f' and connamespace = 'plane'::regnamespace and conrelid <> confrelid
  ),
  depths as (
    select c.oid, 0 as depth from pg_class as c where c.relnamespace = 'plane'::regnamespace and c.relkind = 'r'
    union all
    select r.parent, d.depth + 1 from depths as d join refers as r on r.child = d.oid where d.depth < 20
  )
  select c.relname::text, case when c.relname = 'organisations' then 'id' else 'org_id' end, k.key, k.types,
    (select max(d.depth) from depths as d where d.oid = c.oid)
  from pg_class as c
  cross join lateral (
    select array_agg(a.attname::text order by u.n) as key, array_agg(format_type(a.atttypid, a.atttypmod) order by u.n) as types
    from pg_index as i
    cross join unnest(i.indkey) with ordinality as u (attnum, n)
    join pg_attribute as a on a.attrelid = c.oid and a.attnum = u.attnum
    where i.indrelid = c.oid and i.indisprimary
  ) as k
  where c.relnamespace = 'plane'::regnamespace and c.relkind = 'r' and c.relname <> 'erasures'
    and (c.relname = 'organisations' or exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'org_id'))
  order by 1;
$function$;

CREATE OR REPLACE FUNCTION gateway._rate_limit_of(p_org_id uuid, p_kind text, p_subject text, p_default jsonb, OUT quota integer, OUT window_seconds integer, OUT burst integer)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  select l.quota, l.window_seconds, coalesce(l.burst, l.quota) into quota, window_seconds, burst
  from plane.rate_limits as l
  where l.org_id = p_org_id and l.kind = p_kind and l.subject in (p_subject, '*')
  order by l.subject = '*'
  limit 1;
  if not found then
    quota := (p_default ->> 'quota')::int;
    window_seconds := coalesce((p_default ->> 'window_seconds')::int, 60);
    burst := coalesce((p_default ->> 'burst')::int, quota);
  elsif quota is null then
    burst := null;
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway._without_names(p_value jsonb, p_user uuid, p_names text[], p_label text)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_text text;
  v_name text;
begin
  case jsonb_typeof(p_value)
    when 'object' then
      return coalesce((
        select jsonb_object_agg(e.key, case
          when e.key in ('label', 'email') and jsonb_typeof(e.value) = 'string' and p_user::text in (p_value ->> 'id', p_value ->> 'user_id')
            then to_jsonb(p_label)
          else gateway._without_names(e.value, p_user, p_names, p_label) end)
        from jsonb_each(p_value) as e), '{}');
    when 'array' then
      return coalesce((
        select jsonb_agg(gateway._without_names(e.value, p_user, p_names, p_label) order by e.n)
        from jsonb_array_elements(p_value) with ordinality as e (value, n)), '[]');
    when 'string' then
      v_text := p_value #>> '{}';
      foreach v_name in array p_names loop
        if position(v_name in lower(v_text)) > 0 then
          v_text := regexp_replace(v_text, regexp_replace(v_name, '([^[:alnum:]@_])', '\\\1', 'g'), p_label, 'gi');
        end if;
      end loop;
      return to_jsonb(v_text);
    else
      return p_value;
  end case;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.accept_invitation(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims     constant jsonb := plane.caller_claims();
  v_user       constant uuid := plane.require_user();
  v_email      constant text := lower(v_claims ->> 'email');
  v_invitation plane.invitations;
  v_member     plane.members;
begin
  select * into v_invitation
  from plane.invitations
  where token_hash = case when p ->> 'token_hash' ~ '^[0-9a-f]{64}$' then sha256(decode(p ->> 'token_hash', 'hex')) end
  for no key update;
  if v_invitation.accepted_by is distinct from v_user then
    v_invitation := gateway._find_invitation(p ->> 'token_hash');
    if v_email is null then
      perform plane.raise_error(403, 'address_unconfirmed', 'Your access token names no confirmed address.',
        'Sign in with the address that was invited.');
    elsif v_email <> lower(v_invitation.email) then
      perform plane.raise_error(403, 'wrong_address', format('This invitation is not for %s.', v_email),
        'Sign in with the address that was invited.');
    end if;

    insert into plane.members as m (org_id, user_id, email, role)
    values (v_invitation.org_id, v_user, v_email, v_invitation.role)
    on conflict (org_id, user_id) do update
    set role = excluded.role, email = excluded.email, joined_at = plane.clock(), removed_at = null, may_decide_by_mail = false
    where m.removed_at is not null;
    update plane.invitations set accepted_at = plane.clock(), accepted_by = v_user where id = v_invitation.id;
  end if;

  select * into v_member from plane.members where org_id = v_invitation.org_id and user_id = v_user;
  if v_member.removed_at is not null then
    perform plane.raise_error(404, 'invitation_not_found', 'This invitation was used.', 'Ask who invited you for a new one.');
  end if;
  return jsonb_build_object(
    'claims', gateway._claims_of(v_member, v_claims),
    'member', to_jsonb(v_member),
    'invitation_id', v_invitation.id,
    'has_joined', v_invitation.accepted_at is null);
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
  select id, org_id, kind, name, scopes, revoked_at, expires_at, last_used_at into v_key
  from plane.api_keys
  where key_hash = case when p_key_hash ~ '^[0-9a-f]{64}( |$)' then sha256(decode(left(p_key_hash, 64), 'hex')) end;
  if v_key.id is null and p_key_hash ~ '^[0-9a-f]{64}( [0-9a-f]{64}){1,3}$' then
    select k.id, k.org_id, k.kind, k.name, k.scopes, k.revoked_at, k.expires_at, null::timestamptz as last_used_at into v_key
    from unnest(string_to_array(p_key_hash, ' ')) with ordinality as h (hash, place)
    join plane.api_keys as k on k.key_hash = sha256(decode(h.hash, 'hex'))
    order by h.place
    limit 1;
  end if;
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

CREATE OR REPLACE FUNCTION gateway.authenticate_person(p_fn text, p_organisation text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_token  constant jsonb := plane.caller_claims();
  v_user   constant uuid := gateway._check_token(v_token);
  v_claims constant jsonb := jsonb_build_object(
    'principal', 'person',
    'user_id', v_user,
    -- An address that Auth calls unconfirmed proves nothing.
    'email', case when v_token -> 'is_anonymous' is distinct from 'true' and v_token -> 'user_metadata' -> 'email_verified' is distinct from 'false'
      then nullif(lower(v_token ->> 'email'), '') end,
    'aal', coalesce(v_token ->> 'aal', 'aal1'),
    'amr', v_token -> 'amr',
    'session_id', v_token ->> 'session_id');
  v_verb   gateway.verbs;
  v_member plane.members;
  v_email  text;
  v_scopes text[];
begin
  select * into v_verb from gateway.verbs where fn = p_fn;
  if not found then
    perform plane.raise_error(404, 'unknown_verb', format('There is no verb %s.', p_fn));
  elsif 'user' = any (v_verb.kinds) then
    return v_claims;
  end if;

  v_member := gateway._find_membership(v_user, nullif(p_organisation, ''));
  v_scopes := plane.role_scopes(v_member.role);
  if 'person' <> all (v_verb.kinds) then
    perform plane.raise_error(403, 'wrong_kind', 'A person may not do this.',
      format('Use a key of kind %s.', array_to_string(v_verb.kinds, ' or ')));
  elsif v_verb.scope <> '' and v_verb.scope <> all (v_scopes) then
    perform plane.raise_error(403, 'missing_scope',
      format('This needs the scope %s, which the role %s does not have.', v_verb.scope, v_member.role),
      'Ask an owner or an admin of the organisation.', jsonb_build_object('scope', v_verb.scope));
  end if;

  v_email := coalesce(v_claims ->> 'email', v_member.email);
  if v_email <> v_member.email or coalesce(v_member.last_seen_at < plane.clock() - interval '5 minutes', true) then
    perform gateway._note_member(v_member, v_email);
  end if;
  return v_claims || jsonb_build_object(
    'org_id', v_member.org_id, 'email', v_email, 'role', v_member.role, 'scopes', v_scopes);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.begin_erasure(p jsonb)
 RETURNS plane.erasures
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org     constant uuid := plane._require_org();
  v_user    constant uuid := (p ->> 'user_id')::uuid;
  v_now     constant timestamptz := plane.clock();
  v_label   constant text := 'erased-' || left(replace(gen_random_uuid()::text, '-', ''), 12) || '@invalid';
  v_entry   bigint;
  v_erasure plane.erasures;
begin
  if not plane.caller_has_scope('data:manage') then
    perform plane.raise_error(403, 'missing_scope', 'This needs the scope data:manage.', null, '{"scope": "data:manage"}');
  end if;
  if v_user is null then
    perform plane.require_person('data:manage');
    update plane.api_keys set revoked_at = v_now where org_id = v_org and revoked_at is null;
    update plane.members set removed_at = v_now where org_id = v_org and removed_at is null;
    delete from plane.invitations where org_id = v_org;
    insert into plane.erasures (org_id, kind, subject, label, requested_by, audit_head)
    select v_org, 'organisation', v_org, o.name, plane.caller_actor(), (
      select jsonb_build_object('seq', h.seq, 'hash', h.hash) from plane.audit_heads as h where h.org_id = v_org)
    from plane.organisations as o
    where o.id = v_org
    returning * into v_erasure;
    return v_erasure;
  end if;

  insert into plane.erasures (org_id, kind, subject, label, names, requested_by)
  select v_org, 'person', v_user, v_label, array(
    select distinct n from (
      select lower(m.email) as n from plane.members as m where m.org_id = v_org and m.user_id = v_user
      union all
      select lower(a.labels ->> 'actor') from plane.audit_entries as a where a.org_id = v_org and a.actor_kind = 'person' and a.actor_id = v_user
    ) as known
    where n is not null and n !~ '^erased-'), plane.caller_actor()
  returning * into v_erasure;
  update plane.members set email = v_label, removed_at = coalesce(removed_at, v_now) where org_id = v_org and user_id = v_user;
  update plane.invitations
  set email = v_label, revoked_at = case when accepted_at is null then coalesce(revoked_at, v_now) end
  where org_id = v_org and lower(email) = any (v_erasure.names);

  select max(id) into v_entry
  from plane.audit_entries
  where org_id = v_org and action = 'erase_person' and resource_id = v_user::text;
  update plane.audit_entries as a
  set details = gateway._without_names(a.details, v_user, v_erasure.names, v_label), labels = null, nonce = null, erased_in = v_entry
  where a.org_id = v_org and a.erased_in is null and a.id <> v_entry
    and (
      (a.actor_kind = 'person' and a.actor_id = v_user) or a.on_behalf ->> 'id' = v_user::text
      or exists (select from unnest(v_erasure.names) as n where position(n in lower(a.details::text || coalesce(a.labels::text, ''))) > 0));
  return v_erasure;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.change_setting(p_name text, p_value jsonb)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  insert into gateway.settings (name, value) values (p_name, p_value)
  on conflict (name) do update set value = excluded.value;
$function$;

CREATE OR REPLACE FUNCTION gateway.create_member(p_org_id uuid, p_user_id uuid, p_email text, p_role text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  insert into plane.members as m (org_id, user_id, email, role)
  values (p_org_id, p_user_id, lower(p_email), p_role)
  on conflict (org_id, user_id) do update
  set role = excluded.role, email = excluded.email, removed_at = null,
    joined_at = case when m.removed_at is null then m.joined_at else plane.clock() end;
$function$;

CREATE OR REPLACE FUNCTION gateway.create_runner_key(p_key_hash text, p_prefix text, p_verbs text[] DEFAULT '{}'::text[])
 RETURNS uuid
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  insert into plane.api_keys (name, kind, key_hash, prefix, scopes)
  values ('runner', 'runner', sha256(decode(p_key_hash, 'hex')), p_prefix, p_verbs)
  on conflict (key_hash) do update set revoked_at = null, scopes = excluded.scopes
  returning id;
$function$;

CREATE OR REPLACE FUNCTION gateway.erase_next(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 1000);
  v_erasure plane.erasures;
  v_is_done boolean;
begin
  select * into v_erasure
  from plane.erasures
  where finished_at is null
  order by requested_at
  limit 1
  for update skip locked;
  if not found then
    return '{"more": false}';
  end if;
  v_is_done := case v_erasure.kind
    when 'person' then gateway._erase_person(v_erasure, v_limit)
    else gateway._erase_organisation(v_erasure, v_limit) end;
  if v_is_done then
    update plane.erasures set finished_at = plane.clock(), names = '{}', place = null where id = v_erasure.id;
  end if;
  return '{"more": true}';
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.export_page(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_hidden   constant text[] := '{org_id,key_hash,token_hash,sealed,salt,secrets,secret,former_secret}';
  v_org      constant uuid := plane._require_org();
  v_mentions constant text[] := array(select lower(m) from jsonb_array_elements_text(coalesce(p -> 'mentions', '[]')) as m);
  v_left     int := (p ->> 'limit')::int;
  v_after    jsonb := p #> '{after,key}';
  v_data     jsonb := '[]';
  v_table    record;
  v_page     record;
begin
  if not plane.caller_has_scope('data:manage') then
    perform plane.raise_error(403, 'missing_scope', 'This needs the scope data:manage.', null, '{"scope": "data:manage"}');
  end if;
  for v_table in
    select * from gateway._plane_tables() where name >= coalesce(p #>> '{after,table}', '') and name <> 'audit_salts' order by name
  loop
    v_after := case when v_table.name = p #>> '{after,table}' then v_after end;
    execute format(
      $q$
        with page as (
          select jsonb_build_array(%1$s) as key, to_jsonb(t) - $4 as row
          from plane.%2$I as t
          where t.%3$I = $1 and %4$s
          order by %1$s
          limit $5
        )
        select count(*) as seen, (array_agg(key))[count(*)] as last,
          coalesce(jsonb_agg(jsonb_build_object('table', %2$L, 'row', row)) filter (
            where $6 = '{}' or exists (select from unnest($6) as m where position(m in lower(row::text)) > 0)), '[]') as rows
        from page
      $q$,
      (select string_agg(format('t.%I', k), ', ' order by n) from unnest(v_table.key) with ordinality as u (k, n)),
      v_table.name, v_table.org_column,
      gateway._key_range(v_table.key, v_table.types, v_after is not null and v_after <> 'null', false))
    into v_page
    using v_org, v_after, null::jsonb, c_hidden, v_left, v_mentions;
    v_data := v_data || v_page.rows;
    v_left := v_left - v_page.seen;
    if v_left <= 0 then
      return jsonb_build_object('data', v_data, 'next', jsonb_build_object('table', v_table.name, 'key', v_page.last));
    end if;
  end loop;
  return jsonb_build_object('data', v_data, 'next', null);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.found_organisation(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims    constant jsonb := plane.caller_claims();
  v_user      constant uuid := plane.require_user();
  v_most      constant int := 20;
  v_org       uuid;
  v_member    plane.members;
  v_has_begun boolean := true;
begin
  if (select s.value from gateway.settings as s where s.name = 'new_organisations') = 'false' then
    perform plane.raise_error(403, 'new_organisations_are_off', 'Nobody creates organisations by themselves here.',
      'Ask who runs this plane for one, or an organisation for an invitation.');
  elsif v_claims ->> 'email' is null then
    perform plane.raise_error(403, 'address_unconfirmed', 'Your access token names no confirmed address.', 'Sign in with an address.');
  end if;
  if (select count(*) from plane.members where user_id = v_user and role = 'owner' and removed_at is null) >= v_most
    and not exists (
      select from plane.organisations as o join plane.members as m on m.org_id = o.id
      where o.name = p ->> 'name' and m.user_id = v_user and m.role = 'owner' and m.removed_at is null)
  then
    perform plane.raise_error(409, 'too_many_organisations', format('You own %s organisations already.', v_most),
      'Use one of them, or ask who runs this plane.');
  end if;

  insert into plane.organisations (name) values (p ->> 'name')
  on conflict (name) do nothing
  returning id into v_org;
  if v_org is null then
    v_has_begun := false;
    select m.* into v_member
    from plane.organisations as o
    join plane.members as m on m.org_id = o.id
    where o.name = p ->> 'name' and m.user_id = v_user and m.role = 'owner' and m.removed_at is null;
    if v_member.org_id is null then
      perform plane.raise_error(409, 'organisation_exists', format('The name %s is taken.', p ->> 'name'), 'Choose another name.');
    end if;
  else
    insert into plane.members (org_id, user_id, email, role)
    values (v_org, v_user, v_claims ->> 'email', 'owner')
    returning * into v_member;
  end if;
  return jsonb_build_object(
    'claims', gateway._claims_of(v_member, v_claims),
    'organisation', jsonb_build_object(
      'id', v_member.org_id, 'name', p ->> 'name', 'role', v_member.role, 'joined_at', v_member.joined_at),
    'has_begun', v_has_begun);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.link_claims(p_token_hash text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_link       plane.escalation_links;
  v_member     plane.members;
  v_escalation plane.escalations;
begin
  select * into v_link
  from plane.escalation_links
  where token_hash = case when p_token_hash ~ '^[0-9a-f]{64}$' then sha256(decode(p_token_hash, 'hex')) end;
  if v_link.id is null then
    perform plane.raise_error(404, 'link_not_found', 'There is no such link.', 'Open it exactly as it stands in the mail, or sign in.');
  end if;
  select * into v_escalation from plane.escalations where id = v_link.escalation_id;
  select * into v_member from plane.members where org_id = v_link.org_id and user_id = v_link.user_id and removed_at is null;
  if v_escalation.decided_at is not null then
    perform plane.raise_error(410, 'link_closed', format('It is %s already%s.', v_escalation.status, coalesce(': ' || v_escalation.outcome, '')),
      'Sign in to see how.', jsonb_build_object('escalation', jsonb_build_object('status', v_escalation.status, 'outcome', v_escalation.outcome)));
  elsif v_link.used_at is not null then
    perform plane.raise_error(410, 'link_used', 'This link was used before.', 'Sign in to see what became of it.');
  elsif v_link.expires_at <= plane.clock() then
    perform plane.raise_error(410, 'link_expired', 'This link has expired.', 'Sign in to answer.');
  elsif v_member.user_id is null or not v_member.may_decide_by_mail then
    perform plane.raise_error(410, 'link_revoked', 'Whoever this link was sent to may not decide by mail any more.', 'Sign in, or ask an admin.');
  elsif v_escalation.needs_aal2 then
    perform plane.raise_error(403, 'aal2_required', 'This needs a sign-in with a second factor.', 'Sign in to answer.');
  end if;
  return jsonb_build_object(
    'principal', 'person',
    'org_id', v_link.org_id,
    'user_id', v_link.user_id,
    'email', v_member.email,
    'role', v_member.role,
    -- Enough for this one answer, and no more than the role has.
    'scopes', array(
      select s from unnest(plane.role_scopes(v_member.role)) as s
      where s in ('escalations:read', 'escalations:write', 'approvals:decide')),
    'aal', 'aal1',
    'session_id', null,
    'link_id', v_link.id,
    'escalation_id', v_link.escalation_id,
    'organisation', (select o.name from plane.organisations as o where o.id = v_link.org_id),
    'expires_at', v_link.expires_at);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.list_memberships()
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_user constant uuid := plane.require_user();
begin
  return (
    select coalesce(
      jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'role', m.role, 'joined_at', m.joined_at) order by o.name), '[]')
    from plane.members as m
    join plane.organisations as o on o.id = m.org_id
    where m.user_id = v_user and m.removed_at is null);
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.refuse_public(p_verb text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.raise_error(404, 'unknown_verb', format('There is no public verb %s.', p_verb));
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION gateway.show_invitation(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_invitation constant plane.invitations := gateway._find_invitation(p ->> 'token_hash');
begin
  return jsonb_build_object(
    'organisation', (select o.name from plane.organisations as o where o.id = v_invitation.org_id),
    'email', v_invitation.email,
    'role', v_invitation.role,
    'invited_by', v_invitation.created_by -> 'label',
    'expires_at', v_invitation.expires_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._act_for(p_org_id uuid, p_source_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform set_config('request.jwt.claims', jsonb_build_object('principal', 'runner', 'org_id', p_org_id, 'key_id', p_source_id,
    'key_kind', 'runner', 'scopes', '[]'::jsonb)::text, true);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._answer_event_waits(p_org_id uuid, p_name text, p_payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_wait    plane.waits;
  v_matched int := 0;
  v_due     jsonb := '[]';
begin
  perform
  from plane.frames as f
  where (f.execution_id, f.frame) in (
    select w.execution_id, w.frame
    from plane.waits as w
    where w.org_id = p_org_id and w.name = p_name and w.kind = 'event' and w.answered_at is null
      and plane._has_equal(p_payload, w.match))
  order by f.depth desc, f.execution_id, f.frame
  for no key update;

  for v_wait in
    select *
    from plane.waits as w
    where w.org_id = p_org_id and w.name = p_name and w.kind = 'event' and w.answered_at is null
      and plane._has_equal(p_payload, w.match)
  loop
    if plane._answer_wait(v_wait.execution_id, v_wait.token, 'answered', p_payload) then
      v_matched := v_matched + 1;
      v_due := v_due || plane._wake(v_wait.execution_id, v_wait.frame);
    end if;
  end loop;
  return jsonb_build_object('matched', v_matched, 'due', v_due);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._answer_wait(p_execution_id uuid, p_token text, p_outcome text, p_payload jsonb, p_by uuid DEFAULT NULL::uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_wait plane.waits;
begin
  update plane.waits
  set answered_at = plane.clock(), outcome = p_outcome, payload = p_payload, answered_by = p_by
  where execution_id = p_execution_id and token = p_token and answered_at is null
  returning * into v_wait;
  if not found then
    return false;
  end if;
  perform plane._record_event(v_wait.org_id, p_execution_id, 'wait.answered', v_wait.path,
    jsonb_build_object('kind', v_wait.kind, 'token', p_token, 'outcome', p_outcome, 'by', p_by,
      'duration_ms', round(1000 * extract(epoch from v_wait.answered_at - v_wait.opened_at), 3)));
  perform plane._close_asked(v_wait);
  return true;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._any_word(p_text text)
 RETURNS tsquery
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return replace(plainto_tsquery('english', coalesce(p_text, ''))::text, ' & ', ' | ')::tsquery;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._ask_about_budget(p_budget plane.budgets, p_told jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_what constant text := case p_budget.scope
    when 'workflow' then format('of the workflow %s', (select w.name from plane.workflows as w where w.id = p_budget.workflow_id))
    when 'agent' then format('of the agent %s', p_budget.agent_id)
    else 'of the organisation' end;
begin
  return (plane._open_escalation(p_budget.org_id, jsonb_build_object(
    'kind', 'question',
    'priority', 'high',
    'reason', format('The budget %s for this %s is spent: %s of %s USD. Paid steps wait. Raise it by how much (form: usd), or stop?',
      v_what, p_budget.period, p_told ->> 'spent_usd', p_told ->> 'limit_usd'),
    'context', p_told,
    'form', '{"usd": {"type": "number", "min": 0, "optional": true, "description": "USD more for this period; left out: its limit once more"}}'::jsonb,
    'outcomes', '["raise", "stop"]'::jsonb,
    'assign_to', '[{"role": "admin"}, {"role": "owner"}]'::jsonb,
    'workflow_id', p_budget.workflow_id,
    'agent_id', p_budget.agent_id))).id;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._audit_hash(p_org_id uuid, p_value jsonb)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_salt bytea;
begin
  if p_value is null then
    return null;
  end if;
  select salt into v_salt from plane.audit_salts where org_id = p_org_id;
  if not found then
    insert into plane.audit_salts (org_id) values (p_org_id) on conflict do nothing;
    select salt into v_salt from plane.audit_salts where org_id = p_org_id;
  end if;
  return encode(sha256(v_salt || convert_to(p_value::text, 'UTF8')), 'hex');
end;
$function$;

CREATE OR REPLACE FUNCTION plane._begin_act(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_frame   plane.frames;
  v_starter uuid;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return null;
  end if;
  select created_by into v_starter from plane.executions where id = v_frame.execution_id;
  return jsonb_build_object(
    'principal', 'runner',
    'org_id', v_frame.org_id,
    'key_id', v_frame.execution_id,
    'key_kind', 'runner',
    'execution_id', v_frame.execution_id,
    'starter_id', v_starter,
    'scopes', jsonb_build_array('state:read', 'state:write'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._bury_handoff(p_handoff plane.handoffs)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane._note_handoff(p_handoff, 'dead');
  perform plane._open_escalation(p_handoff.org_id, jsonb_build_object(
    'kind', 'question',
    'priority', 'high',
    'reason', format('Nobody did what was handed over: %s (%s)', coalesce(left(p_handoff.packet ->> 'goal', 500), left(p_handoff.reason, 500),
      p_handoff.id::text), p_handoff.error ->> 'message'),
    'context', jsonb_build_object('handoff_id', p_handoff.id, 'code', p_handoff.error -> 'code', 'attempts', p_handoff.attempts,
      'from_agent_id', p_handoff.from_agent_id, 'to_agent_id', p_handoff.to_agent_id, 'last_agent_id', p_handoff.agent_id),
    'execution_id', p_handoff.execution_id,
    'path', p_handoff.path,
    'workflow_id', p_handoff.workflow_id,
    'agent_id', p_handoff.from_agent_id,
    'answerable_by', 'anyone',
    'created_by', jsonb_build_object('kind', 'plane', 'id', null, 'label', 'hand-offs')));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._cancel_running(p_org_id uuid, p_execution_ids uuid[])
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_id  uuid;
  v_due jsonb := '[]';
begin
  perform plane._act_for(p_org_id, null);
  foreach v_id in array p_execution_ids loop
    begin
      v_due := v_due || (plane.cancel_execution(v_id) -> 'due');
      perform plane.record_plane_audit(p_org_id, 'cancel_execution', 'executions', v_id::text, '{"overlap": "cancel_running"}');
    exception
      when sqlstate 'PT409' then null; -- it has ended
    end;
  end loop;
  return v_due;
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

CREATE OR REPLACE FUNCTION plane._close_asked(p_wait plane.waits)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_wait.kind = 'handoff' then
    perform plane._close_handoff_of(p_wait);
  elsif p_wait.kind in ('approval', 'budget', 'unknown') then
    perform plane._close_escalation_of(p_wait);
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._close_due(p_execution_id uuid, p_frame text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now    timestamptz := plane.clock();
  v_closed int;
  v_asked  plane.waits[];
  v_wait   plane.waits;
begin
  with closed as (
    update plane.waits
    set answered_at = v_now, outcome = 'timed_out'
    where execution_id = p_execution_id and frame = p_frame and answered_at is null and deadline <= v_now
    returning *
  ), noted as (
    insert into plane.events (org_id, execution_id, type, path, data)
    select org_id, p_execution_id, 'wait.answered', path, jsonb_build_object('kind', kind, 'token', token, 'outcome', 'timed_out')
    from closed
  )
  select count(*), array_agg(c) filter (where c.kind in ('approval', 'budget', 'unknown', 'handoff')) into v_closed, v_asked from closed as c;
  foreach v_wait in array coalesce(v_asked, '{}') loop
    perform plane._close_asked(v_wait);
  end loop;

  update plane.frames
  set
    has_answers = has_answers or v_closed > 0,
    wait_deadline = (
      select min(w.deadline)
      from plane.waits as w
      where w.execution_id = p_execution_id and w.frame = p_frame and w.answered_at is null)
  where execution_id = p_execution_id and frame = p_frame;
  return v_closed > 0;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._close_escalation(p_id uuid, p_status text, p_outcome text, p_answer jsonb DEFAULT NULL::jsonb)
 RETURNS plane.escalations
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_by      constant jsonb := case when p_status in ('resolved', 'dismissed') then plane.caller_actor() end;
  v_action  constant text := (jsonb '{"resolved": "resolve", "dismissed": "dismiss", "timed_out": "time_out", "cancelled": "cancel"}'
    ->> p_status) || '_escalation';
  v_details jsonb;
  v_closed  plane.escalations;
begin
  update plane.escalations
  set
    status = p_status, outcome = p_outcome, answer = nullif(p_answer -> 'form', 'null'), comment = p_answer ->> 'comment', decided_by = v_by,
    decided_at = plane.clock()
  where id = p_id and status in ('open', 'claimed')
  returning * into v_closed;
  if not found then
    return null;
  end if;

  v_details := jsonb_build_object('kind', v_closed.kind, 'outcome', p_outcome, 'execution_id', v_closed.execution_id, 'path', v_closed.path,
    'link_id', plane.caller_claims() -> 'link_id');
  perform plane._record_event(v_closed.org_id, v_closed.execution_id, 'escalation.' || p_status, v_closed.path,
    v_details - 'execution_id' || jsonb_build_object('escalation_id', p_id, 'agent_id', v_closed.agent_id, 'by', v_by));
  if v_by is null then
    perform plane.record_plane_audit(v_closed.org_id, v_action, 'escalations', p_id::text, jsonb_strip_nulls(v_details));
  else
    perform plane.record_audit(v_action, 'escalations', p_id::text, jsonb_strip_nulls(v_details));
  end if;
  return v_closed;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._close_escalation_of(p_wait plane.waits)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_root uuid;
  v_id   uuid;
begin
  if p_wait.kind = 'budget' then
    select root_execution_id into v_root from plane.executions where id = p_wait.execution_id;
    select id into v_id
    from plane.escalations
    where execution_id = v_root and kind = 'budget' and status in ('open', 'claimed')
    for no key update;
    if v_id is null or plane._has_open_budget(v_root) then
      return;
    end if;
  else
    select id into v_id from plane.escalations where execution_id = p_wait.execution_id and wait_token = p_wait.token;
  end if;

  -- Only a decision brings a payload: an outcome may have any name.
  if p_wait.payload is not null then
    perform plane._close_escalation(v_id, 'resolved', p_wait.outcome, p_wait.payload);
  elsif p_wait.outcome = 'timed_out' then
    perform plane._close_escalation(v_id, 'timed_out', nullif(p_wait.data ->> 'on_timeout', 'fail'));
  else
    perform plane._close_escalation(v_id, 'cancelled', null);
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._close_handoff_of(p_wait plane.waits)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff plane.handoffs;
begin
  update plane.handoffs
  set
    status = 'cancelled',
    token_hash = null,
    lease_until = null,
    error = jsonb_build_object(
      'code', p_wait.outcome,
      'message', case p_wait.outcome when 'timed_out' then 'The step that waits for it ran out of time.' else 'The step that waited for it has ended.' end),
    updated_at = plane.clock(),
    completed_at = plane.clock()
  where execution_id = p_wait.execution_id and wait_token = p_wait.token and status in ('pending', 'claimed', 'accepted')
  returning * into v_handoff;
  if found then
    perform plane._note_handoff(v_handoff, 'cancelled');
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._close_waits_of(p_execution_id uuid, p_frame text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_asked plane.waits[];
  v_wait  plane.waits;
begin
  with closed as (
    update plane.waits
    set answered_at = plane.clock(), outcome = 'cancelled'
    where execution_id = p_execution_id and frame = p_frame and answered_at is null
    returning *
  ), noted as (
    insert into plane.events (org_id, execution_id, type, path, data)
    select org_id, p_execution_id, 'wait.answered', path, jsonb_build_object('kind', kind, 'token', token, 'outcome', 'cancelled')
    from closed
  )
  select array_agg(c) into v_asked from closed as c where c.kind in ('approval', 'budget', 'unknown', 'handoff');
  foreach v_wait in array coalesce(v_asked, '{}') loop
    perform plane._close_asked(v_wait);
  end loop;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._count_large_quotas(p_org_id uuid, p_state_bytes bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_quota record;
  v_used  bigint;
begin
  for v_quota in
    select d.key as name, case when q.name is null then (d.value #>> '{}')::bigint else q.max_value end as max_value
    from jsonb_each(plane.quota_defaults()) as d
    left join plane.quotas as q on q.org_id = p_org_id and q.name = d.key
    where d.key in ('state_bytes', 'state_entries', 'memories', 'executions_per_day', 'concurrent_executions')
    order by d.key
  loop
    continue when v_quota.max_value is null or v_quota.max_value <= 2000 and v_quota.name <> 'state_bytes';
    v_used := case when v_quota.name = 'state_bytes' then p_state_bytes
      else plane._count_used(p_org_id, v_quota.name, v_quota.max_value + 1) end;
    insert into plane.quota_counts as c (org_id, name, used, counted_at)
    values (p_org_id, v_quota.name, v_used, plane.clock())
    on conflict (org_id, name) do update set used = excluded.used, counted_at = excluded.counted_at;
    if v_used >= v_quota.max_value then
      perform plane._note_quota_reached(p_org_id, v_quota.name, v_quota.max_value, v_used);
    end if;
  end loop;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._count_usage(p_org_id uuid, p_more jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into plane.usage_days as u (org_id, day, metric, value)
  select p_org_id, m.day, m.metric, sum(m.value)
  from jsonb_to_recordset(coalesce(p_more, '[]')) as m (day date, metric text, value numeric)
  group by m.day, m.metric
  order by m.day, m.metric
  on conflict (org_id, day, metric) do update set value = u.value + excluded.value;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._count_used(p_org_id uuid, p_name text, p_most bigint)
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now  constant timestamptz := plane.clock();
  v_used bigint;
begin
  if p_name = 'agents' then
    select count(*) into v_used from (select from plane.agents where org_id = p_org_id and deleted_at is null limit p_most) as s;
  elsif p_name = 'keys' then
    select count(*) into v_used from (
      select from plane.api_keys where org_id = p_org_id and revoked_at is null and coalesce(expires_at > v_now, true) limit p_most) as s;
  elsif p_name = 'members' then
    select count(*) into v_used from (select from plane.members where org_id = p_org_id and removed_at is null limit p_most) as s;
  elsif p_name = 'workflows' then
    select count(*) into v_used from (select from plane.workflows where org_id = p_org_id limit p_most) as s;
  elsif p_name = 'state_entries' then
    select count(*) into v_used from (select from plane.state where org_id = p_org_id limit p_most) as s;
  elsif p_name = 'memories' then
    select count(*) into v_used from (select from plane.memories where org_id = p_org_id limit p_most) as s;
  elsif p_name = 'executions_per_day' then
    select count(*) into v_used from (
      select from plane.executions
      where org_id = p_org_id and created_at >= date_trunc('day', v_now at time zone 'UTC') at time zone 'UTC' limit p_most) as s;
  elsif p_name = 'concurrent_executions' then
    select count(*) into v_used from (select from plane.executions where org_id = p_org_id and status = 'running' limit p_most) as s;
  elsif p_name = 'budgets' then
    select count(*) into v_used from (select from plane.budgets where org_id = p_org_id limit p_most) as s;
  elsif p_name = 'rate_limits' then
    select count(*) into v_used from (select from plane.rate_limits where org_id = p_org_id limit p_most) as s;
  elsif p_name = 'webhooks' then
    select count(*) into v_used from (select from plane.webhooks where org_id = p_org_id limit p_most) as s;
  elsif p_name = 'hooks' then
    select count(*) into v_used from (select from plane.hooks where org_id = p_org_id limit p_most) as s;
  elsif p_name = 'event_triggers' then
    select count(*) into v_used from (select from plane.event_triggers where org_id = p_org_id limit p_most) as s;
  elsif p_name = 'schedules' then
    select count(*) into v_used from (select from plane.schedules where org_id = p_org_id limit p_most) as s;
  end if;
  return v_used;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._count_votes(p_votes jsonb, p_outcome text, p_quorum integer)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'votes', coalesce(jsonb_agg(coalesce(v.vote -> 'decided_by', v.vote -> 'by') order by v.place), '[]'),
    'missing', greatest(0, p_quorum - count(*)))
  from jsonb_array_elements(p_votes) with ordinality as v (vote, place)
  where v.vote ->> 'outcome' = p_outcome;
$function$;

CREATE OR REPLACE FUNCTION plane._decide_budget(p_execution plane.executions, p_payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_outcome    constant text := case p_payload ->> 'outcome' when 'approve' then 'grant' when 'reject' then 'stop' else p_payload ->> 'outcome' end;
  v_payload    constant jsonb := case when v_outcome is null then p_payload else p_payload || jsonb_build_object('outcome', v_outcome) end;
  v_by         constant uuid := plane.caller_id();
  v_usd        numeric := 0;
  v_held       text[];
  v_waits      plane.waits[];
  v_wait       plane.waits;
  v_escalation plane.escalations;
  v_due        jsonb := '[]';
begin
  perform plane._require_decider('budget');
  perform plane._require_outcome(v_payload, '["grant", "stop"]');
  if v_outcome = 'grant' then
    v_usd := plane._read_amount(v_payload -> 'form' -> 'usd');
  end if;

  with held as (
    select f.execution_id, f.frame
    from plane.frames as f
    where (f.execution_id, f.frame) in (select w.execution_id, w.frame from plane._budget_waits(p_execution.id) as w)
    order by f.depth desc, f.execution_id, f.frame
    for no key update
  )
  select array_agg(held.execution_id || '/' || held.frame) into v_held from held;
  -- What was opened since belongs to a frame that is not held here: it goes on asking.
  select array_agg(w) into v_waits
  from plane._budget_waits(p_execution.id) as w
  where w.execution_id || '/' || w.frame = any (v_held);
  if v_waits is null then
    perform plane.raise_error(409, 'wait_closed', 'Somebody decided the budget already.', 'Read the execution to see how.');
  end if;
  v_escalation := plane._escalation_of(v_waits[1]);
  perform plane._require_may_answer(v_escalation);

  foreach v_wait in array v_waits loop
    if plane._answer_wait(v_wait.execution_id, v_wait.token, v_outcome, v_payload || jsonb_build_object('decided_by', plane.caller_actor()), v_by) then
      update plane.frames
      set budget_usd = budget_usd + trunc(v_usd / cardinality(v_waits), 9)
      where execution_id = v_wait.execution_id and frame = v_wait.frame;
      v_due := v_due || plane._wake(v_wait.execution_id, v_wait.frame);
    end if;
  end loop;
  return jsonb_build_object('status', 'answered', 'token', v_wait.token, 'outcome', v_outcome, 'escalation_id', v_escalation.id, 'due', v_due);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._decision_of(p_escalation plane.escalations)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_escalation.id,
    'kind', p_escalation.kind,
    'status', p_escalation.status,
    'outcome', p_escalation.outcome,
    'form', coalesce(p_escalation.answer, '{}'),
    'comment', p_escalation.comment,
    'decided_by', p_escalation.decided_by,
    'execution_id', p_escalation.execution_id,
    'agent_id', p_escalation.agent_id);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._disable_webhook(p_webhook plane.webhooks, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update plane.webhooks
  set status = 'disabled', disabled_reason = p_reason, updated_at = plane.clock()
  where id = p_webhook.id;
  update plane.webhook_deliveries
  set status = 'dead', ended_at = plane.clock()
  where webhook_id = p_webhook.id and status = 'pending' and claim_ref is null;
  perform plane._record_event(p_webhook.org_id, null, 'webhook.disabled', null,
    jsonb_build_object('webhook_id', p_webhook.id, 'reason', p_reason));
  perform plane.record_plane_audit(p_webhook.org_id, 'disable_webhook', 'webhooks', p_webhook.id::text,
    jsonb_build_object('reason', p_reason));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._escalation_of(p_wait plane.waits)
 RETURNS plane.escalations
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_escalation plane.escalations;
begin
  if p_wait.kind = 'budget' then
    select * into v_escalation
    from plane.escalations
    where kind = 'budget' and status in ('open', 'claimed')
      and execution_id = (select root_execution_id from plane.executions where id = p_wait.execution_id)
    for no key update;
  else
    select * into v_escalation
    from plane.escalations
    where execution_id = p_wait.execution_id and wait_token = p_wait.token
    for no key update;
  end if;
  if v_escalation.id is null then
    v_escalation.org_id := p_wait.org_id;
    v_escalation.kind := p_wait.kind;
    v_escalation.assign_to := '[]';
    v_escalation.needs_aal2 := false;
  end if;
  return v_escalation;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._find_target(p_org_id uuid, p_workflow text, p_version integer)
 RETURNS plane.workflow_versions
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select v.*
  from plane.workflows as w
  join plane.workflow_versions as v on v.workflow_id = w.id and v.version = coalesce(p_version, w.latest)
  where w.org_id = p_org_id and w.name = p_workflow;
$function$;

CREATE OR REPLACE FUNCTION plane._fire_schedule(p_schedule plane.schedules, p_fire jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_at      constant timestamptz := (p_fire ->> 'fire_at')::timestamptz;
  v_queued  constant int := (select count(*) from plane.schedule_firings where schedule_id = p_schedule.id and outcome = 'queued');
  v_running uuid[];
  v_due     jsonb := '[]';
begin
  if exists (select from plane.schedule_firings where schedule_id = p_schedule.id and fire_at = v_at and not is_manual) then
    return v_due;
  elsif p_fire -> 'error' is not null then
    insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, error)
    values (p_schedule.org_id, p_schedule.id, v_at, 'failed', p_fire -> 'error');
    return v_due;
  end if;

  v_running := plane._running_firings(p_schedule.id);
  if p_schedule.overlap = 'skip' and v_running <> '{}' or v_queued >= 100 then
    perform plane._skip_firing(p_schedule, 'overlap', v_at);
    return v_due;
  elsif p_schedule.overlap = 'queue' and (v_running <> '{}' or v_queued > 0) then
    insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, version_id, input)
    values (p_schedule.org_id, p_schedule.id, v_at, 'queued', (p_fire ->> 'version_id')::uuid, p_fire -> 'input');
    return v_due;
  elsif p_schedule.overlap = 'cancel_running' then
    v_due := plane._cancel_running(p_schedule.org_id, v_running);
  end if;
  return v_due || plane._start_scheduled(p_schedule, v_at, (p_fire ->> 'version_id')::uuid, p_fire -> 'input');
end;
$function$;

CREATE OR REPLACE FUNCTION plane._forget(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_frames int;
  v_state  int;
  v_keys   int;
begin
  delete from plane.frames where (execution_id, frame) in (
    select execution_id, frame from plane.frames
    where status = 'done' and due_at <= plane.clock()
    limit p_limit for update skip locked);
  get diagnostics v_frames = row_count;

  v_state := plane._forget_state(p_limit);

  delete from plane.idempotency where (org_id, key_id, key) in (
    select i.org_id, i.key_id, i.key from plane.idempotency as i
    where i.created_at < plane.clock() - interval '1 day'
      and not exists (select from plane.executions as e where e.id = i.key_id and e.status = 'running')
    limit p_limit for update skip locked);
  get diagnostics v_keys = row_count;
  return v_frames + v_state + v_keys;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._forget_state(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before  constant timestamptz := plane.clock() - interval '30 days';
  v_state   plane.state;
  v_count   int := 0;
  v_deleted int;
begin
  for v_state in
    delete from plane.state
    where (org_id, component, key) in (
      select org_id, component, key from plane.state
      where expires_at <= plane.clock()
      limit p_limit for update skip locked)
    returning *
  loop
    perform plane.keep_history(v_state, v_state.expires_at, 'expired');
    v_count := v_count + 1;
  end loop;

  delete from plane.state_history where (org_id, component, key, version) in (
    select org_id, component, key, version from plane.state_history
    where ended_at < v_before
    limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  v_count := v_count + v_deleted;

  delete from plane.memories where id in (
    select id from plane.memories
    where expires_at <= plane.clock()
    limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  v_count := v_count + v_deleted;

  delete from plane.interpretations where (org_id, hash) in (
    select org_id, hash from plane.interpretations
    where expires_at <= plane.clock()
    limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  v_count := v_count + v_deleted;

  delete from plane.locks where (org_id, component, key) in (
    select org_id, component, key from plane.locks
    where lease_until < v_before
    limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  return v_count + v_deleted;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._hold_frame_of_handoff(p_handoff plane.handoffs, p_is_patient boolean DEFAULT true)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_frame text;
begin
  select frame into v_frame from plane.waits where execution_id = p_handoff.execution_id and token = p_handoff.wait_token;
  if p_is_patient then
    perform from plane.frames where execution_id = p_handoff.execution_id and frame = v_frame for no key update;
    return true;
  end if;
  perform from plane.frames where execution_id = p_handoff.execution_id and frame = v_frame for no key update skip locked;
  return found or not exists (select from plane.frames where execution_id = p_handoff.execution_id and frame = v_frame);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._lapse_handoff(p_handoff plane.handoffs, p_code text DEFAULT NULL::text, p_message text DEFAULT NULL::text)
 RETURNS plane.handoffs
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_is_late constant boolean := coalesce(p_handoff.deadline_at <= plane.clock(), false);
  v_code    text := p_code;
  v_message text := p_message;
  v_handoff plane.handoffs;
  v_is_dead boolean;
begin
  if p_handoff.status not in ('pending', 'claimed', 'accepted') then
    return p_handoff;
  elsif v_is_late then
    v_code := 'deadline_passed';
    v_message := format('Its deadline passed while it was %s.', p_handoff.status);
  elsif v_code is null and p_handoff.status = 'claimed' and p_handoff.lease_until <= plane.clock() then
    v_code := 'lease_expired';
    v_message := format('Claim %s ran out without a result.', p_handoff.attempts);
  elsif v_code is null then
    return p_handoff;
  end if;

  v_is_dead := v_is_late or p_handoff.attempts >= p_handoff.max_attempts;
  update plane.handoffs
  set
    status = case when v_is_dead then 'dead' else 'pending' end,
    token_hash = null,
    lease_until = null,
    error = jsonb_build_object('code', v_code, 'message', v_message),
    updated_at = plane.clock(),
    completed_at = case when v_is_dead then plane.clock() end
  where id = p_handoff.id
  returning * into v_handoff;
  if p_handoff.status = 'claimed' and v_code <> 'released' then
    perform plane._note_handoff(v_handoff, 'expired');
  end if;
  if v_is_dead then
    perform plane._bury_handoff(v_handoff);
  end if;
  return v_handoff;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._last_attempts(p_history jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  while jsonb_array_length(p_history) > 20 loop
    p_history := p_history - 0;
  end loop;
  return p_history;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._lock_due_webhooks(p_now timestamp with time zone, p_limit integer)
 RETURNS SETOF uuid
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with recursive waiting as (
    (select d.webhook_id from plane.webhook_deliveries as d where d.status = 'pending' order by d.webhook_id limit 1)
    union all
    select (
      select d.webhook_id from plane.webhook_deliveries as d
      where d.status = 'pending' and d.webhook_id > w.webhook_id
      order by d.webhook_id limit 1)
    from waiting as w
    where w.webhook_id is not null
  ),
  due as (
    select w.webhook_id, first.next_attempt_at
    from waiting as w
    cross join lateral (
      select d.next_attempt_at from plane.webhook_deliveries as d
      where d.webhook_id = w.webhook_id and d.status = 'pending'
      order by d.next_attempt_at limit 1
    ) as first
    where first.next_attempt_at <= p_now
  )
  select w.id
  from due
  join plane.webhooks as w on w.id = due.webhook_id
  where w.status = 'enabled'
  order by due.next_attempt_at
  limit p_limit
  for no key update of w skip locked;
$function$;

CREATE OR REPLACE FUNCTION plane._lock_feeds(p_reader text, p_horizon xid8, p_limit integer)
 RETURNS SETOF plane.event_feeds
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select f.*
  from plane.event_feeds as f
  where f.reader = p_reader and exists (
    select
    from plane.events as e
    where e.org_id = f.org_id and (e.xid, e.feed_id) > (f.xid, f.feed_id) and e.xid < p_horizon)
  order by f.read_at
  limit p_limit
  for no key update skip locked;
$function$;

CREATE OR REPLACE FUNCTION plane._matches_event(p_type text, p_patterns text[])
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_pattern text;
begin
  foreach v_pattern in array p_patterns loop
    if v_pattern in ('*', p_type) or (right(v_pattern, 2) = '.*' and starts_with(p_type, left(v_pattern, -1))) then
      return true;
    end if;
  end loop;
  return false;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._may_be_mailed(p_escalation plane.escalations, p_member plane.members)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return p_escalation.decided_at is null and p_member.may_decide_by_mail and p_member.removed_at is null
    and plane.refusal_of(p_escalation, p_member.user_id, jsonb_build_object(
      'user_id', p_member.user_id, 'email', p_member.email, 'role', p_member.role,
      'scopes', plane.role_scopes(p_member.role), 'aal', 'aal1')) is null;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._meter_events(p_meter plane.meters, p_to xid8)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_used jsonb;
begin
  with happened as materialized (
    select (v.at at time zone 'UTC')::date as day, v.type, v.execution_id
    from plane.events as v
    where v.org_id = p_meter.org_id and v.feed_id >= p_meter.floor_feed and v.xid >= p_meter.xid and v.xid < p_to
      and v.type in ('execution.started', 'handoff.created', 'execution.succeeded', 'execution.failed', 'execution.cancelled')
  ), reported as materialized (
    select h.day, e.workflow_id, coalesce(e.agent_id, '00000000-0000-0000-0000-000000000000') as agent_id,
      sum(greatest(e.known_cost_usd - own.cost, 0)) as cost_usd,
      count(*) filter (where e.known_cost_usd > own.cost or e.cost_usd is null and not own.is_unknown) as calls,
      count(*) filter (where e.cost_usd is null and not own.is_unknown) as unknown_calls
    from happened as h
    join plane.executions as e on e.id = h.execution_id and e.mode = 'external' and e.known_cost_usd is not null
    cross join lateral (
      select coalesce(sum(c.cost_usd), 0) as cost, coalesce(bool_or(c.is_cost_unknown), false) as is_unknown
      from plane.checkpoints as c
      where c.execution_id = e.id and not c.is_carried
    ) as own
    where h.type not in ('execution.started', 'handoff.created')
    group by 1, 2, 3
  ), spent as (
    insert into plane.spent_days as s (org_id, day, workflow_id, agent_id, cost_usd, calls, unknown_calls)
    select p_meter.org_id, day, workflow_id, agent_id, cost_usd, calls, unknown_calls from reported where calls > 0
    on conflict (org_id, day, workflow_id, agent_id) do update
    set cost_usd = s.cost_usd + excluded.cost_usd, calls = s.calls + excluded.calls, unknown_calls = s.unknown_calls + excluded.unknown_calls
  )
  select jsonb_agg(jsonb_build_object('day', t.day, 'metric', t.metric, 'value', t.value)) into v_used
  from (
    select day, case type when 'execution.started' then 'executions' else 'handoffs' end as metric, count(*)::numeric as value
    from happened
    where type in ('execution.started', 'handoff.created')
    group by day, type
    union all
    select r.day, v.metric, v.value
    from reported as r
    cross join lateral (values ('cost_usd', r.cost_usd), ('unknown_costs', r.unknown_calls)) as v (metric, value)
    where v.value > 0
  ) as t;
  perform plane._count_usage(p_meter.org_id, v_used);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._meter_org(p_meter plane.meters, p_xids bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org     constant uuid := p_meter.org_id;
  v_now     constant timestamptz := plane.clock();
  v_shot    constant pg_snapshot := pg_current_snapshot();
  v_horizon constant xid8 := pg_snapshot_xmin(v_shot);
  v_to      constant xid8 := case
    when p_meter.xid = '0' or v_horizon::text::numeric - p_meter.xid::text::numeric <= p_xids then v_horizon
    else (p_meter.xid::text::numeric + p_xids)::text::xid8 end;
begin
  perform plane._meter_steps(p_meter, v_to);
  perform plane._meter_events(p_meter, v_to);

  -- Two transactions draw feed_ids and times in another order than their xids by moments only: the margins are far more than that.
  update plane.meters as m
  set
    xid = v_to,
    metered_at = v_now,
    floor_at = case when m.next_xid <= v_to then m.next_at - interval '30 seconds' else m.floor_at end,
    floor_feed = case when m.next_xid <= v_to then m.next_feed - 1000 else m.floor_feed end,
    next_xid = case when m.next_xid > v_to then m.next_xid else pg_snapshot_xmax(v_shot) end,
    next_at = case when m.next_xid > v_to then m.next_at else v_now end,
    next_feed = case when m.next_xid > v_to then m.next_feed else (select s.last_value from plane.feed_id as s) end
  where m.org_id = v_org;
  return v_to < v_horizon;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._meter_steps(p_meter plane.meters, p_to xid8)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_used jsonb;
begin
  with steps as materialized (
    select (c.ended_at at time zone 'UTC')::date as day, e.workflow_id,
      coalesce(e.agent_id, '00000000-0000-0000-0000-000000000000') as agent_id,
      count(*) as steps,
      count(*) filter (where c.model is not null) as model_calls,
      count(*) filter (where c.model is not null or c.cost_usd is not null or c.is_cost_unknown) as calls,
      coalesce(sum(c.input_tokens), 0) as input_tokens,
      coalesce(sum(c.output_tokens), 0) as output_tokens,
      coalesce(sum(c.cost_usd), 0) as cost_usd,
      count(*) filter (where c.is_cost_unknown) as unknown_calls
    from plane.checkpoints as c
    join plane.executions as e on e.id = c.execution_id
    where c.org_id = p_meter.org_id and c.ended_at >= p_meter.floor_at and c.xid >= p_meter.xid and c.xid < p_to and not c.is_carried
      and c.kind not in ('round', 'item')
    group by 1, 2, 3
  ), spent as (
    insert into plane.spent_days as s (org_id, day, workflow_id, agent_id, cost_usd, calls, unknown_calls)
    select p_meter.org_id, day, workflow_id, agent_id, cost_usd, calls, unknown_calls from steps where calls > 0
    on conflict (org_id, day, workflow_id, agent_id) do update
    set cost_usd = s.cost_usd + excluded.cost_usd, calls = s.calls + excluded.calls, unknown_calls = s.unknown_calls + excluded.unknown_calls
  )
  select jsonb_agg(jsonb_build_object('day', t.day, 'metric', v.metric, 'value', v.value)) into v_used
  from (
    select day, sum(steps) as steps, sum(model_calls) as model_calls, sum(input_tokens) as input_tokens,
      sum(output_tokens) as output_tokens, sum(cost_usd) as cost_usd, sum(unknown_calls) as unknown_calls
    from steps group by day
  ) as t
  cross join lateral (values
    ('steps', t.steps), ('model_calls', t.model_calls), ('input_tokens', t.input_tokens), ('output_tokens', t.output_tokens),
    ('cost_usd', t.cost_usd), ('unknown_costs', t.unknown_calls)) as v (metric, value)
  where v.value > 0;
  perform plane._count_usage(p_meter.org_id, v_used);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._nearest_memories(p_org_id uuid, p jsonb, p_vector text, p_limit integer)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_nearest jsonb;
begin
  with near as (
    select m.id, 1 - (m.embedding::extensions.vector operator(extensions.<=>) p_vector::extensions.vector) as similarity
    from plane.memories as m
    where m.org_id = p_org_id and m.namespace = p ->> 'namespace'
      and m.embedding_model = p ->> 'embedding_model'
      and cardinality(m.embedding) = jsonb_array_length(p -> 'embedding')
      and m.metadata @> coalesce(nullif(p -> 'filter', 'null'), '{}')
      and (m.expires_at is null or m.expires_at > plane.clock())
    order by similarity desc, m.id
    limit p_limit
  )
  select jsonb_agg(jsonb_build_object('id', n.id, 'place', n.place, 'similarity', round(n.similarity::numeric, 6))) into v_nearest
  from (select id, similarity, row_number() over (order by similarity desc, id) as place from near) as n;
  return v_nearest;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._note_escalation(p_escalation plane.escalations, p_type text, p_data jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane._record_event(p_escalation.org_id, p_escalation.execution_id, p_type, p_escalation.path, p_data || jsonb_build_object(
    'escalation_id', p_escalation.id, 'kind', p_escalation.kind, 'agent_id', p_escalation.agent_id, 'by', plane.caller_actor()));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._note_handoff(p_handoff plane.handoffs, p_done text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane._record_event(p_handoff.org_id, p_handoff.execution_id, 'handoff.' || p_done, p_handoff.path, jsonb_build_object(
    'handoff_id', p_handoff.id, 'from_agent_id', p_handoff.from_agent_id, 'to_agent_id', p_handoff.to_agent_id,
    'agent_id', p_handoff.agent_id, 'goal', left(p_handoff.packet ->> 'goal', 200), 'attempts', p_handoff.attempts,
    'code', p_handoff.error ->> 'code'));
  perform plane.record_plane_audit(p_handoff.org_id, case p_done
      when 'expired' then 'expire_handoff' when 'dead' then 'bury_handoff' when 'created' then 'create_handoff' else 'cancel_handoff' end,
    'handoffs', p_handoff.id::text, jsonb_strip_nulls(jsonb_build_object(
      'execution_id', p_handoff.execution_id, 'agent_id', p_handoff.agent_id, 'attempts', p_handoff.attempts,
      'code', p_handoff.error ->> 'code')));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._note_quota_reached(p_org_id uuid, p_name text, p_limit bigint, p_used bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_today constant date := (plane.clock() at time zone 'UTC')::date;
begin
  insert into plane.quota_counts as c (org_id, name, reached_on)
  values (p_org_id, p_name, v_today)
  on conflict (org_id, name) do update set reached_on = v_today
  where c.reached_on is distinct from v_today;
  if found then
    perform plane._record_event(p_org_id, null, 'quota.reached', null,
      jsonb_build_object('quota', p_name, 'limit', p_limit, 'used', p_used));
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._open_escalation(p_org_id uuid, p jsonb)
 RETURNS plane.escalations
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_priority   constant text := case when p ->> 'priority' in ('urgent', 'high', 'normal', 'low') then p ->> 'priority' else 'normal' end;
  v_escalation plane.escalations;
  v_id         constant uuid := gen_random_uuid();
begin
  insert into plane.escalations as e (
    id, org_id, kind, priority, rank, reason, context, form, outcomes, assign_to, quorum, needs_aal2, not_requester, answerable_by,
    execution_id, wait_token, path, workflow_id, agent_id, created_by, requester_id, deadline, on_timeout)
  values (
    v_id, p_org_id, coalesce(p ->> 'kind', 'question'), v_priority, array_position(array['urgent', 'high', 'normal', 'low'], v_priority) - 1,
    coalesce(left(nullif(p ->> 'reason', ''), 10000), 'Needs a decision.'),
    coalesce(nullif(p -> 'context', 'null'), '{}'), coalesce(nullif(p -> 'form', 'null'), '{}'),
    array(select jsonb_array_elements_text(case jsonb_typeof(p -> 'outcomes') when 'array' then p -> 'outcomes' else '[]' end)),
    plane._read_assignees(p -> 'assign_to'), coalesce((p ->> 'quorum')::int, 1), coalesce((p ->> 'needs_aal2')::boolean, false),
    (p ->> 'not_requester')::boolean, coalesce(p ->> 'answerable_by', 'people'), (p ->> 'execution_id')::uuid, p ->> 'wait_token', p ->> 'path',
    (p ->> 'workflow_id')::uuid, (p ->> 'agent_id')::uuid,
    coalesce(nullif(p -> 'created_by', 'null'), plane.caller_actor(), '{"kind": "plane", "id": null, "label": null}'),
    (p ->> 'requester_id')::uuid,
    coalesce((p ->> 'deadline')::timestamptz, plane.clock() + (p ->> 'timeout_seconds')::numeric * interval '1 second'),
    p ->> 'on_timeout')
  on conflict (execution_id) where kind = 'budget' and status in ('open', 'claimed') do update set rank = e.rank
  returning * into v_escalation;
  if v_escalation.id = v_id then
    perform plane._record_event(p_org_id, v_escalation.execution_id, 'escalation.opened', v_escalation.path, jsonb_build_object(
      'escalation_id', v_id, 'kind', v_escalation.kind, 'priority', v_escalation.priority, 'reason', left(v_escalation.reason, 200),
      'agent_id', v_escalation.agent_id, 'deadline', plane.time_text(v_escalation.deadline)));
  end if;
  return v_escalation;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._open_escalation_of(p_wait plane.waits)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_data      constant jsonb := case jsonb_typeof(p_wait.data) when 'object' then p_wait.data else '{}' end;
  v_is_budget constant boolean := p_wait.kind = 'budget';
  v_execution plane.executions;
  v_root      plane.executions;
  v_workflow  text;
begin
  select * into v_execution from plane.executions where id = p_wait.execution_id;
  select * into v_root from plane.executions where id = v_execution.root_execution_id;
  select name into v_workflow from plane.workflows where id = v_root.workflow_id;
  perform plane._open_escalation(p_wait.org_id, jsonb_build_object(
    'kind', case when v_data ->> 'asks' = 'policy' then 'policy' else p_wait.kind end,
    'reason', coalesce(v_data ->> 'message', 'Needs a decision.'),
    'context', case when v_is_budget then v_data - array['message', 'outcomes'] else coalesce(v_data -> 'show', '{}') end,
    'priority', coalesce(v_data ->> 'priority', case p_wait.kind when 'approval' then 'normal' else 'high' end),
    'form', v_data -> 'form',
    'outcomes', v_data -> 'outcomes',
    'assign_to', v_data -> 'assignees',
    'quorum', coalesce(v_data -> 'quorum', '1'),
    'needs_aal2', coalesce(v_data -> 'needs_aal2', 'false'),
    'not_requester', v_data -> 'not_requester',
    'execution_id', case when v_is_budget then v_root.id else p_wait.execution_id end,
    'wait_token', case when not v_is_budget then p_wait.token end,
    'path', p_wait.path,
    'workflow_id', v_execution.workflow_id,
    'agent_id', v_root.agent_id,
    'created_by', jsonb_build_object('kind', 'plane', 'id', v_root.id, 'label', v_workflow),
    'requester_id', v_root.created_by,
    'deadline', p_wait.deadline,
    'on_timeout', nullif(v_data ->> 'on_timeout', 'fail')));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._open_handoff(p_frame plane.frames, p_open jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_wanted    constant jsonb := p_open -> 'handoff';
  v_to        constant text := v_wanted ->> 'to';
  v_execution plane.executions;
  v_workflow  uuid;
  v_agent     uuid;
  v_handoff   plane.handoffs;
begin
  select * into v_execution from plane.executions where id = p_frame.execution_id;
  select w.id into v_workflow from plane.workflows as w where w.id = v_execution.workflow_id;
  if v_to is not null then
    select a.id into v_agent
    from plane.agents as a
    where a.org_id = p_frame.org_id and (a.name = v_to or a.id::text = v_to) and a.deleted_at is null
    order by a.name = v_to desc
    limit 1;
    if v_agent is null then
      perform plane._answer_wait(p_frame.execution_id, p_open ->> 'token', 'failed', jsonb_build_object(
        'code', 'agent_not_found', 'message', format('There is no agent %s to hand this to; register it first.', v_to)));
      perform plane._wake(p_frame.execution_id, p_frame.frame);
      return '[]';
    end if;
  end if;

  insert into plane.handoffs (
    id, org_id, from_agent_id, to_agent_id, match, workflow_id, execution_id, wait_token, path, packet, context, reason, max_attempts,
    deadline_at, created_by)
  values (
    (v_wanted ->> 'id')::uuid, p_frame.org_id, v_execution.agent_id, v_agent, nullif(v_wanted -> 'match', 'null'), v_workflow,
    p_frame.execution_id, p_open ->> 'token', p_open ->> 'path', nullif(v_wanted -> 'packet', 'null'),
    coalesce(nullif(v_wanted -> 'context', 'null'), '{}'), v_wanted ->> 'reason', coalesce((v_wanted ->> 'max_attempts')::int, 3),
    (v_wanted -> 'packet' -> 'budget' ->> 'deadline')::timestamptz,
    jsonb_build_object('kind', 'plane', 'id', p_frame.execution_id, 'label', p_open ->> 'path'))
  on conflict do nothing
  returning * into v_handoff;
  if found then
    perform plane._note_handoff(v_handoff, 'created');
  end if;
  return '[]';
end;
$function$;

CREATE OR REPLACE FUNCTION plane._open_waits(p_frame plane.frames, p_open jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_open        jsonb;
  v_deadline    timestamptz;
  v_is_answered boolean;
  v_due         jsonb := '[]';
  v_wait        plane.waits;
begin
  for v_open in select value from jsonb_array_elements(p_open) loop
    v_deadline := coalesce(
      (v_open ->> 'deadline_at')::timestamptz,
      plane.clock() + (v_open ->> 'deadline_ms')::numeric * interval '1 millisecond');
    insert into plane.waits (execution_id, token, frame, org_id, gen, kind, path, name, match, data, deadline, pending)
    values (
      p_frame.execution_id, v_open ->> 'token', p_frame.frame, p_frame.org_id, p_frame.gen, v_open ->> 'kind', v_open ->> 'path',
      coalesce(v_open ->> 'name', v_open ->> 'path'), nullif(v_open -> 'match', 'null'),
      coalesce(nullif(v_open -> 'data', 'null'), '{}'), v_deadline,
      case v_open ->> 'kind' when 'child' then 1 when 'shards' then jsonb_array_length(v_open -> 'shards') end)
    on conflict do nothing
    returning * into v_wait;
    if not found then
      perform plane.raise_error(409, 'token_taken', format('There is a wait %s already.', v_open ->> 'token'), 'Take a new token.');
    end if;
    perform plane._record_event(p_frame.org_id, p_frame.execution_id, 'wait.opened', v_open ->> 'path', jsonb_build_object(
      'kind', v_open -> 'kind', 'token', v_open -> 'token', 'name', v_open -> 'name', 'deadline', plane.time_text(v_deadline)));
    if v_wait.kind in ('approval', 'budget', 'unknown') then
      perform plane._open_escalation_of(v_wait);
    end if;

    v_is_answered := false;
    if p_frame.cancel_requested then
      v_is_answered := plane._answer_wait(p_frame.execution_id, v_open ->> 'token', 'cancelled', null);
      update plane.waits set pending = 0 where execution_id = p_frame.execution_id and token = v_open ->> 'token' and pending > 0;
    elsif v_open ->> 'kind' = 'event' then
      v_is_answered := plane._take_signal(p_frame, v_open ->> 'token', v_open ->> 'name', v_open -> 'match')
        or plane._take_decision(v_wait);
    elsif v_open ->> 'kind' = 'child' then
      v_due := v_due || plane._open_child(p_frame, v_open);
    elsif v_open ->> 'kind' = 'shards' then
      v_due := v_due || plane._open_shards(p_frame, v_open);
    elsif v_open ->> 'kind' = 'handoff' then
      v_due := v_due || plane._open_handoff(p_frame, v_open);
    end if;

    update plane.frames
    set has_answers = has_answers or v_is_answered, wait_deadline = least(wait_deadline, v_deadline)
    where execution_id = p_frame.execution_id and frame = p_frame.frame;
  end loop;
  return v_due;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._period_start(p_period text, p_at timestamp with time zone)
 RETURNS date
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return date_trunc(p_period, p_at at time zone 'UTC')::date;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._provider_keys()
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return '{ANTHROPIC_API_KEY, AZURE_AI_API_KEY, AZURE_API_KEY, CEREBRAS_API_KEY, COHERE_API_KEY, DEEPSEEK_API_KEY, FIREWORKS_AI_API_KEY,
    FIREWORKS_API_KEY, GEMINI_API_KEY, GOOGLE_API_KEY, GROQ_API_KEY, HF_TOKEN, HUGGINGFACE_API_KEY, MISTRAL_API_KEY, OPENAI_API_KEY,
    OPENROUTER_API_KEY, PERPLEXITYAI_API_KEY, PERPLEXITY_API_KEY, REPLICATE_API_KEY, REPLICATE_API_TOKEN, TOGETHERAI_API_KEY,
    TOGETHER_API_KEY, XAI_API_KEY}';
end;
$function$;

CREATE OR REPLACE FUNCTION plane._queue_signal(p_execution plane.executions, p_name text, p_payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_decision boolean;
begin
  if exists (
    select from plane.waits
    where execution_id = p_execution.id and gen = p_execution.gen and name = p_name
      and kind in ('approval', 'unknown', 'budget') and answered_at is not null
  ) then
    perform plane.raise_error(409, 'wait_closed', format('%s was decided already, timed out or was cancelled.', p_name),
      'Read the execution to see how.');
  end if;
  select p_name = 'budget' or exists (
    select from jsonb_array_elements(v.steps) as s
    where s ->> 'kind' = 'approval' and s ->> 'path' = regexp_replace(p_name, '\[\d+\]', '', 'g')) into v_decision
  from plane.workflow_versions as v
  where v.id = p_execution.version_id;
  if v_decision then
    perform plane.raise_error(409, 'not_waiting', format('The execution does not wait for %s now.', p_name),
      'Read waiting_for of the execution.');
  end if;

  insert into plane.signals (execution_id, org_id, name, payload, sent_by)
  values (p_execution.id, p_execution.org_id, p_name, p_payload, plane.caller_id());
  perform plane._record_event(p_execution.org_id, p_execution.id, 'signal.queued', null, jsonb_build_object('name', p_name));
  return jsonb_build_object('status', 'queued', 'token', null, 'outcome', null, 'due', '[]'::jsonb);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._read_assignees(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return coalesce((
    select jsonb_agg(
      case
        when jsonb_typeof(a) = 'object' and a ? 'email' then jsonb_build_object('email', lower(a ->> 'email'))
        when jsonb_typeof(a) = 'object' then a
        when t like 'role:%' then jsonb_build_object('role', substr(t, 6))
        when t ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then jsonb_build_object('user_id', lower(t))
        else jsonb_build_object('email', lower(t))
      end)
    from jsonb_array_elements(
      case jsonb_typeof(p) when 'array' then p when 'object' then jsonb_build_array(p) when 'string' then jsonb_build_array(p) else '[]' end) as a,
      lateral (select trim(a #>> '{}') as t) as as_text
  ), '[]');
end;
$function$;

CREATE OR REPLACE FUNCTION plane._read_on(p_feed plane.event_feeds, p_horizon xid8, p_limit integer)
 RETURNS TABLE(xid xid8, feed_id bigint, is_full boolean)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  select page.xid, page.feed_id, page.place = p_limit into xid, feed_id, is_full
  from (
    select e.xid, e.feed_id, row_number() over (order by e.xid, e.feed_id) as place
    from plane.events as e
    where e.org_id = p_feed.org_id and (e.xid, e.feed_id) > (p_feed.xid, p_feed.feed_id) and e.xid < p_horizon
    order by e.xid, e.feed_id
    limit p_limit
  ) as page
  order by page.place desc
  limit 1;

  update plane.event_feeds as f
  set xid = coalesce(_read_on.xid, f.xid), feed_id = coalesce(_read_on.feed_id, f.feed_id), read_at = plane.clock()
  where f.org_id = p_feed.org_id and f.reader = p_feed.reader;
  return next;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._refuse_over_budget(p_org_id uuid, p_workflow_id uuid, p_agent_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now    constant timestamptz := plane.clock();
  v_budget plane.budgets;
  v_until  timestamptz;
begin
  for v_budget in select * from plane.budgets where org_id = p_org_id order by created_at, id loop
    continue when v_budget.reached_on is distinct from plane._period_start(v_budget.period, v_now)
      or v_budget.on_reached <> 'stop' and v_budget.stopped_on is distinct from v_budget.reached_on
      or v_budget.workflow_id <> p_workflow_id
      or v_budget.agent_id is not null and v_budget.agent_id is distinct from p_agent_id;
    v_until := (v_budget.reached_on + ('1 ' || v_budget.period)::interval) at time zone 'UTC';
    perform plane.raise_error(402, 'budget_exhausted',
      format('The budget of this %s is spent for the %s: %s USD.', v_budget.scope, v_budget.period, v_budget.limit_usd::text),
      format('It begins anew at %s. Who may manage limits can raise it: PATCH /api/budgets/%s.', plane.time_text(v_until), v_budget.id),
      jsonb_build_object('budget_id', v_budget.id, 'scope', v_budget.scope, 'period', v_budget.period,
        'limit_usd', v_budget.limit_usd::text, 'resets_at', plane.time_text(v_until)));
  end loop;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._refuse_over_quota(p_name text, p_limit bigint, p_used bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now   constant timestamptz := plane.clock();
  v_waits constant numeric := case p_name
    when 'executions_per_day' then ceil(extract(epoch from (date_trunc('day', v_now at time zone 'UTC') + interval '1 day') at time zone 'UTC' - v_now))
    when 'concurrent_executions' then 5 end;
begin
  perform plane.raise_error(case when v_waits is null then 403 else 429 end, 'quota_exceeded',
    format('The organisation''s quota of %s is used up: %s of %s.', replace(p_name, '_', ' '), p_used, p_limit),
    case p_name
      when 'executions_per_day' then 'It begins anew at midnight UTC. '
      when 'concurrent_executions' then 'Wait until some have ended. '
      else 'Remove what is not needed. ' end
    || 'Who may manage limits can raise it: PATCH /api/limits.',
    jsonb_build_object('quota', p_name, 'limit', p_limit, 'used', p_used,
      'next', '[{"why": "see what is used", "method": "GET", "path": "/api/limits"}]'::jsonb)
    || case when v_waits is null then '{}' else jsonb_build_object('retry_after', v_waits) end);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._refuse_own_event(p_name text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_name = 'escalation.resolved' then
    perform plane.raise_error(422, 'reserved_event', format('Only the plane itself says %s.', p_name),
      'Resolve the escalation: whoever waits for its answer gets it then. Give an event of your own another name.');
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._release_over_budget(p_budget plane.budgets, p_outcome text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_by   constant jsonb := jsonb_build_object('kind', 'plane', 'id', p_budget.id, 'label', 'budget');
  v_wait record;
  v_due  jsonb := '[]';
begin
  for v_wait in
    with held as (
      select f.execution_id, f.frame, w.token, f.depth
      from plane.waits as w
      join plane.frames as f on f.execution_id = w.execution_id and f.frame = w.frame
      where w.org_id = p_budget.org_id and w.kind = 'approval' and w.answered_at is null
        and jsonb_array_length(case jsonb_typeof(w.data -> 'show' -> 'uses') when 'array' then w.data -> 'show' -> 'uses' else '[]' end) = 1
        and w.data -> 'show' -> 'uses' ->> 0 like format('budget %s %%', p_budget.id)
      order by f.depth desc, f.execution_id, f.frame
      limit 500
      for no key update of f skip locked
    )
    select * from held
  loop
    perform plane._close_escalation(e.id, 'cancelled', null)
    from plane.escalations as e
    where e.execution_id = v_wait.execution_id and e.wait_token = v_wait.token;
    if plane._answer_wait(v_wait.execution_id, v_wait.token, p_outcome,
      jsonb_build_object('outcome', p_outcome, 'form', '{}'::jsonb, 'decided_by', v_by))
    then
      v_due := v_due || plane._wake(v_wait.execution_id, v_wait.frame);
    end if;
  end loop;
  return v_due;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._require_decider(p_kind text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_kind not in ('budget', 'unknown') then
    perform plane.require_person('approvals:decide');
  elsif not plane.caller_has_scope('approvals:decide') then
    perform plane.raise_error(403, 'missing_scope', 'Deciding needs the scope approvals:decide.',
      'Ask an operator to decide, or use a key that may.', jsonb_build_object('scope', 'approvals:decide'));
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._require_escalation(p_id uuid)
 RETURNS plane.escalations
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org        constant uuid := plane._require_org();
  v_escalation plane.escalations;
begin
  select * into v_escalation from plane.escalations where id = p_id and org_id = v_org for no key update;
  if not found then
    perform plane.raise_no_escalation(p_id);
  end if;
  return v_escalation;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._require_may_answer(p_escalation plane.escalations)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_code  constant text := plane.refusal_to_answer(p_escalation);
  v_scope constant text := case p_escalation.kind when 'question' then 'escalations:write' else 'approvals:decide' end;
begin
  case v_code
    when 'people_only' then
      perform plane.raise_error(403, v_code, 'Only a person who is signed in may decide this; a key may not.',
        'Sign in (agentplane login, or the sign-in page) and send the access token; or ask somebody who may decide.');
    when 'missing_scope' then
      perform plane.raise_error(403, v_code, format('Deciding this needs the scope %s.', v_scope),
        'Ask somebody with the role approver or above.', jsonb_build_object('scope', v_scope));
    when 'assigned_to_another' then
      perform plane.raise_error(403, v_code, 'This is assigned to somebody else.',
        'Ask an owner or an admin to assign it to you.', jsonb_build_object('assign_to', p_escalation.assign_to));
    when 'requester_may_not_decide' then
      perform plane.raise_error(403, v_code, 'Who asked for this may not decide it too.', 'Ask another person.');
    when 'aal2_required' then
      perform plane.raise_error(403, v_code, 'This needs a sign-in with a second factor.',
        'Confirm the second factor (aal2) and send the new access token.');
    else null;
  end case;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._require_open(p_escalation plane.escalations)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_escalation.decided_at is null then
    return;
  end if;
  perform plane.raise_error(409, 'escalation_closed',
    format('It is %s already%s.', p_escalation.status, coalesce(': ' || p_escalation.outcome, '')), 'Read it to see how.',
    jsonb_build_object('escalation', jsonb_build_object(
      'status', p_escalation.status, 'outcome', p_escalation.outcome, 'decided_by', p_escalation.decided_by)));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._require_retryable(p_execution plane.executions)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_execution.mode = 'external' then
    perform plane.raise_error(409, 'not_retryable', 'An external execution is not run by the plane.', 'Start a new one.');
  elsif p_execution.status = 'running' then
    perform plane.raise_error(409, 'still_running', 'The execution has not ended.', 'Wait for its end, or cancel it first.');
  elsif p_execution.status = 'succeeded' then
    perform plane.raise_error(409, 'already_succeeded', 'The execution has succeeded.', 'Start a new one.');
  elsif p_execution.payloads_dropped_at is not null then
    perform plane.raise_error(409, 'payloads_dropped', 'What the execution was given and gave is gone, as your organisation has set it.',
      'Start a new one with its input.');
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._resolve_question(p_id uuid, p_payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_outcome    constant text := p_payload ->> 'outcome';
  v_votes      jsonb;
  v_counted    jsonb := '{}';
  v_escalation plane.escalations;
begin
  perform plane._lock_topics(array[plane._require_org() || '/escalation.resolved']);
  v_escalation := plane._require_escalation(p_id);
  perform plane._require_open(v_escalation);
  perform plane._require_may_answer(v_escalation);
  perform plane._require_outcome(p_payload, to_jsonb(v_escalation.outcomes));

  if v_escalation.quorum > 1 then
    update plane.escalations
    set votes = plane._with_vote(votes, jsonb_build_object('outcome', v_outcome, 'by', plane.caller_actor()))
    where id = p_id
    returning votes into v_votes;
    v_counted := plane._count_votes(v_votes, v_outcome, v_escalation.quorum);
    if (v_counted ->> 'missing')::int > 0 then
      return v_counted || jsonb_build_object('status', 'voted', 'outcome', v_outcome, 'escalation_id', p_id, 'due', '[]'::jsonb);
    end if;
  end if;

  v_escalation := plane._close_escalation(p_id, 'resolved', v_outcome, p_payload);
  return v_counted || jsonb_build_object('status', 'answered', 'outcome', v_outcome, 'escalation_id', p_id)
    || plane._answer_event_waits(v_escalation.org_id, 'escalation.resolved', plane._decision_of(v_escalation));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._running_firings(p_schedule_id uuid)
 RETURNS uuid[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update plane.schedule_firings as f
  set is_open = false
  where f.schedule_id = p_schedule_id and f.is_open
    and not exists (select from plane.executions as e where e.id = f.execution_id and e.status = 'running');
  return array(select f.execution_id from plane.schedule_firings as f where f.schedule_id = p_schedule_id and f.is_open);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._settle_handoff(p_handoff plane.handoffs)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_is_done constant boolean := p_handoff.status = 'completed';
  v_frame   text;
begin
  if p_handoff.wait_token is null or p_handoff.status not in ('completed', 'rejected', 'dead') then
    return '[]';
  end if;
  select frame into v_frame from plane.waits where execution_id = p_handoff.execution_id and token = p_handoff.wait_token;
  if plane._answer_wait(p_handoff.execution_id, p_handoff.wait_token,
    case when v_is_done then 'answered' else 'failed' end,
    case when v_is_done then coalesce(p_handoff.output_data, 'null') else jsonb_build_object(
      'code', 'handoff_' || p_handoff.status, 'message', p_handoff.error ->> 'message', 'handoff_id', p_handoff.id) end)
  then
    return plane._wake(p_handoff.execution_id, v_frame);
  end if;
  return '[]';
end;
$function$;

CREATE OR REPLACE FUNCTION plane._shown_votes(p_votes jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select coalesce(jsonb_agg(jsonb_build_object('outcome', v.vote -> 'outcome', 'by', v.vote -> 'decided_by') order by v.place), '[]')
  from jsonb_array_elements(p_votes) with ordinality as v (vote, place);
$function$;

CREATE OR REPLACE FUNCTION plane._signal_wait(p_wait plane.waits, p_payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_by         constant uuid := plane.caller_id();
  v_outcome    text := 'answered';
  v_payload    jsonb := p_payload;
  v_escalation plane.escalations;
begin
  if p_wait.kind <> 'event' then
    perform plane._require_decider(p_wait.kind);
  end if;
  perform from plane.frames where execution_id = p_wait.execution_id and frame = p_wait.frame for no key update;
  if p_wait.kind <> 'event' then
    perform from plane.waits where execution_id = p_wait.execution_id and token = p_wait.token and answered_at is null for no key update;
    if not found then
      return null;
    end if;
    v_escalation := plane._escalation_of(p_wait);
    perform plane._require_may_answer(v_escalation);
    perform plane._require_outcome(p_payload, p_wait.data -> 'outcomes');
    v_outcome := p_payload ->> 'outcome';
    v_payload := p_payload || jsonb_build_object('decided_by', plane.caller_actor());
  end if;

  if (p_wait.data ->> 'quorum')::int > 1 then
    v_payload := plane._vote(p_wait, v_payload);
    if (v_payload ->> 'missing')::int > 0 then
      return v_payload || jsonb_build_object(
        'status', 'voted', 'token', p_wait.token, 'outcome', v_outcome, 'escalation_id', v_escalation.id, 'due', '[]'::jsonb);
    end if;
  end if;

  if not plane._answer_wait(p_wait.execution_id, p_wait.token, v_outcome, v_payload, v_by) then
    return null;
  end if;
  return jsonb_build_object(
    'status', 'answered', 'token', p_wait.token, 'outcome', v_outcome, 'escalation_id', v_escalation.id,
    'due', plane._wake(p_wait.execution_id, p_wait.frame));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._skip_firing(p_schedule plane.schedules, p_reason text, p_fire_at timestamp with time zone, p_until timestamp with time zone DEFAULT NULL::timestamp with time zone, p_count integer DEFAULT 1)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, reason, count, until)
  values (p_schedule.org_id, p_schedule.id, p_fire_at, 'skipped', p_reason, p_count, coalesce(p_until, p_fire_at))
  on conflict (schedule_id, fire_at) where not is_manual do nothing;
  if found then
    perform plane._record_event(p_schedule.org_id, null, 'schedule.skipped', null, jsonb_build_object(
      'schedule_id', p_schedule.id, 'name', p_schedule.name, 'reason', p_reason, 'count', p_count,
      'fire_at', plane.time_text(p_fire_at), 'until', plane.time_text(coalesce(p_until, p_fire_at))));
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._spent_since(p_org_id uuid, p_day date)
 RETURNS TABLE(day date, workflow_id uuid, agent_id uuid, cost_usd numeric, unknown_calls bigint)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select s.day, s.workflow_id, s.agent_id, s.cost_usd, s.unknown_calls
  from plane.spent_days as s
  where s.org_id = p_org_id and s.day >= p_day
  union all
  select (c.ended_at at time zone 'UTC')::date, e.workflow_id, coalesce(e.agent_id, '00000000-0000-0000-0000-000000000000'),
    coalesce(c.cost_usd, 0), c.is_cost_unknown::int
  from plane.checkpoints as c
  join plane.executions as e on e.id = c.execution_id
  where c.org_id = p_org_id
    and c.ended_at >= greatest(p_day::timestamp at time zone 'UTC', (select m.floor_at from plane.meters as m where m.org_id = p_org_id))
    and c.xid >= coalesce((select m.xid from plane.meters as m where m.org_id = p_org_id), '0')
    and not c.is_carried and (c.cost_usd is not null or c.is_cost_unknown);
$function$;

CREATE OR REPLACE FUNCTION plane._start_for(p_org_id uuid, p_source_id uuid, p_version_id uuid, p_input jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_state   text;
  v_message text;
  v_detail  text;
begin
  perform plane._act_for(p_org_id, p_source_id);
  begin
    return plane.start_execution(jsonb_build_object('version_id', p_version_id, 'input', p_input));
  exception
    when sqlstate 'PT402' or sqlstate 'PT403' or sqlstate 'PT404' or sqlstate 'PT422' or sqlstate 'PT429' then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail;
  end;
  return jsonb_build_object(
    'error', jsonb_build_object('code', v_detail::jsonb -> 'code', 'message', v_message),
    'is_for_now', v_state = 'PT429');
end;
$function$;

CREATE OR REPLACE FUNCTION plane._start_scheduled(p_schedule plane.schedules, p_fire_at timestamp with time zone, p_version_id uuid, p_input jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_started constant jsonb := plane._start_for(p_schedule.org_id, p_schedule.id, p_version_id, p_input);
  v_error   constant jsonb := v_started -> 'error';
  v_id      constant uuid := (v_started ->> 'execution_id')::uuid;
begin
  if (v_started ->> 'is_for_now')::boolean and exists (
    select from plane.schedule_firings
    where schedule_id = p_schedule.id and fire_at = p_fire_at and outcome = 'queued')
  then
    return '[]';
  end if;
  insert into plane.schedule_firings (org_id, schedule_id, fire_at, outcome, execution_id, error, is_open)
  values (p_schedule.org_id, p_schedule.id, p_fire_at, case when v_error is null then 'fired' else 'failed' end, v_id, v_error, v_error is null)
  on conflict (schedule_id, fire_at) where not is_manual do update
  set outcome = excluded.outcome, execution_id = v_id, error = v_error, is_open = excluded.is_open, version_id = null, input = null;
  if v_error is not null then
    return '[]';
  end if;
  perform plane._record_event(p_schedule.org_id, v_id, 'schedule.fired', null, jsonb_build_object(
    'schedule_id', p_schedule.id, 'name', p_schedule.name, 'fire_at', plane.time_text(p_fire_at)));
  perform plane.record_plane_audit(p_schedule.org_id, 'start_execution', 'executions', v_id::text,
    jsonb_build_object('on_behalf_of', 'schedule', 'schedule_id', p_schedule.id, 'fire_at', plane.time_text(p_fire_at)));
  return v_started -> 'due';
end;
$function$;

CREATE OR REPLACE FUNCTION plane._take_budget_answer(p_budget plane.budgets, p_start date)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_asked plane.escalations;
  v_usd   numeric;
begin
  select * into v_asked from plane.escalations where id = p_budget.escalation_id;
  if v_asked.status in ('open', 'claimed') then
    return;
  elsif v_asked.outcome is distinct from 'raise' then
    update plane.budgets set stopped_on = p_start, escalation_id = null where id = p_budget.id;
    return;
  end if;

  v_usd := case when v_asked.answer ->> 'usd' ~ '^\d{1,9}(\.\d{1,9})?$' and (v_asked.answer ->> 'usd')::numeric > 0
    then (v_asked.answer ->> 'usd')::numeric else p_budget.limit_usd end;
  update plane.budgets
  set
    raised_usd = case when raised_on = p_start then raised_usd else 0 end + v_usd,
    raised_on = p_start,
    reached_on = null,
    escalation_id = null
  where id = p_budget.id;
  perform plane._record_event(p_budget.org_id, null, 'budget.raised', null, jsonb_build_object(
    'budget_id', p_budget.id, 'usd', v_usd::text, 'period_start', p_start, 'escalation_id', v_asked.id, 'by', v_asked.decided_by));
  perform plane.record_plane_audit(p_budget.org_id, 'raise_budget', 'budgets', p_budget.id::text,
    jsonb_build_object('usd', v_usd::text, 'escalation_id', v_asked.id, 'by', v_asked.decided_by));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._take_decision(p_wait plane.waits)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_escalation plane.escalations;
begin
  if p_wait.name <> 'escalation.resolved' or p_wait.match ->> 'id' is null then
    return false;
  end if;
  select * into v_escalation
  from plane.escalations
  where org_id = p_wait.org_id and id::text = p_wait.match ->> 'id' and kind = 'question' and decided_at is not null;
  if not found or not plane._has_equal(plane._decision_of(v_escalation), p_wait.match) then
    return false;
  end if;
  return plane._answer_wait(p_wait.execution_id, p_wait.token, 'answered', plane._decision_of(v_escalation));
end;
$function$;

CREATE OR REPLACE FUNCTION plane._vector_of(p_list jsonb)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if jsonb_typeof(p_list) is distinct from 'array' or not exists (
    select from pg_extension as e
    join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector' and n.nspname = 'extensions') then
    return null;
  end if;
  return p_list::text;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._vote(p_wait plane.waits, p_payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_votes jsonb;
begin
  update plane.waits as w
  set votes = plane._with_vote(w.votes, p_payload)
  where w.execution_id = p_wait.execution_id and w.token = p_wait.token
  returning w.votes into v_votes;
  update plane.escalations
  set votes = plane._shown_votes(v_votes)
  where execution_id = p_wait.execution_id and wait_token = p_wait.token;
  return p_payload || plane._count_votes(v_votes, p_payload ->> 'outcome', (p_wait.data ->> 'quorum')::int);
end;
$function$;

CREATE OR REPLACE FUNCTION plane._watch_budget(p_org_id uuid, p_state jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_start  constant date := (p_state ->> 'period_start')::date;
  v_limit  constant numeric := (p_state ->> 'limit_usd')::numeric;
  v_spent  constant numeric := (p_state ->> 'spent_usd')::numeric;
  v_told   constant jsonb := jsonb_build_object('budget_id', p_state -> 'id', 'scope', p_state -> 'scope', 'workflow_id', p_state -> 'workflow_id',
    'agent_id', p_state -> 'agent_id', 'period', p_state -> 'period', 'period_start', v_start, 'limit_usd', v_limit::text,
    'spent_usd', v_spent::text, 'unknown_calls', p_state -> 'unknown_calls', 'on_reached', p_state -> 'on_reached');
  v_budget plane.budgets;
begin
  select * into v_budget from plane.budgets where id = (p_state ->> 'id')::uuid for no key update skip locked;
  if not found then
    return '[]';
  end if;

  if v_budget.escalation_id is not null and v_budget.reached_on is distinct from v_start then
    -- The period is over, or somebody set another limit: nobody needs an answer any more.
    perform plane._close_escalation(v_budget.escalation_id, 'cancelled', null);
    update plane.budgets set escalation_id = null where id = v_budget.id;
  elsif v_budget.escalation_id is not null then
    perform plane._take_budget_answer(v_budget, v_start);
    return '[]'; -- what it says holds from the next look on
  end if;

  if v_spent < v_limit then
    if v_budget.reached_on = v_start then
      update plane.budgets set reached_on = null where id = v_budget.id;
    end if;
    if v_spent >= v_limit * v_budget.warn_at and v_budget.warned_on is distinct from v_start then
      update plane.budgets set warned_on = v_start where id = v_budget.id;
      perform plane._record_event(p_org_id, null, 'budget.warned', null, v_told || jsonb_build_object('warn_at', v_budget.warn_at));
    end if;
  elsif v_budget.reached_on is distinct from v_start then
    update plane.budgets
    set reached_on = v_start, escalation_id = case
      when v_budget.on_reached = 'ask' and v_budget.stopped_on is distinct from v_start then plane._ask_about_budget(v_budget, v_told) end
    where id = v_budget.id
    returning * into v_budget;
    perform plane._record_event(p_org_id, null, 'budget.reached', null,
      v_told || jsonb_build_object('escalation_id', v_budget.escalation_id));
    perform plane.record_plane_audit(p_org_id, 'reach_budget', 'budgets', v_budget.id::text,
      jsonb_build_object('limit_usd', v_limit::text, 'spent_usd', v_spent::text));
  end if;

  return case
    when v_budget.on_reached <> 'ask' then '[]'
    when v_spent < v_limit then plane._release_over_budget(v_budget, 'approve')
    when v_budget.stopped_on = v_start then plane._release_over_budget(v_budget, 'reject')
    else '[]' end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane._with_vote(p_votes jsonb, p_vote jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select coalesce(jsonb_agg(v.vote order by v.place), '[]') || jsonb_build_array(p_vote)
  from jsonb_array_elements(p_votes) with ordinality as v (vote, place)
  where coalesce(v.vote -> 'decided_by', v.vote -> 'by') ->> 'id' is distinct from coalesce(p_vote -> 'decided_by', p_vote -> 'by') ->> 'id';
$function$;

CREATE OR REPLACE FUNCTION plane.act(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_payload     constant jsonb := coalesce(p -> 'payload', '{}');
  v_key         constant text := p ->> 'idempotency_key';
  v_fingerprint constant text := encode(sha256(convert_to(coalesce(p ->> 'verb', '') || v_payload::text, 'UTF8')), 'hex');
  v_claims      constant jsonb := plane._begin_act(p);
  v_answer      jsonb;
begin
  if v_claims is null then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  case p ->> 'verb'
    when 'get_state' then return api.get_state(v_payload);
    when 'list_state' then return api.list_state(v_payload);
    when 'search_memory' then return api.search_memory(v_payload);
    when 'embed_memories' then return api.embed_memories(v_payload); -- the same again changes nothing
    else null;
  end case;
  v_answer := gateway._begin_once(v_key, v_fingerprint);
  if v_answer is not null then
    return v_answer -> 'answer';
  end if;

  case p ->> 'verb'
    when 'put_state' then v_answer := api.put_state(v_payload);
    when 'merge_state' then v_answer := api.merge_state(v_payload);
    when 'increment_state' then v_answer := api.increment_state(v_payload);
    when 'append_state' then v_answer := api.append_state(v_payload);
    when 'delete_state' then v_answer := api.delete_state(v_payload);
    when 'put_memory' then v_answer := api.put_memory(v_payload);
    when 'publish_event' then
      v_answer := plane.publish_event(v_payload ->> 'name', v_payload -> 'payload', (p ->> 'execution_id')::uuid, v_key);
    else
      perform plane.raise_error(422, 'unknown_verb', format('A step cannot call %s.', p ->> 'verb'));
  end case;
  return gateway._end_once(v_key, v_answer) -> 'answer';
end;
$function$;

CREATE OR REPLACE FUNCTION plane.agent_health(p_lease_seconds integer, p_last_seen_at timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return case
    when p_lease_seconds is null or plane.clock() < p_last_seen_at + make_interval(secs => p_lease_seconds) then 'active'
    when plane.clock() < p_last_seen_at + make_interval(secs => 3 * p_lease_seconds) then 'late'
    else 'lost'
  end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.agent_of(p_wanted text)
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_id   constant uuid := case when pg_input_is_valid(p_wanted, 'uuid') then p_wanted::uuid end;
  v_found uuid;
begin
  select a.id into v_found
  from plane.agents as a
  where a.org_id = plane.caller_org() and a.id = v_id and a.deleted_at is null;
  if v_found is null then
    select a.id into v_found
    from plane.agents as a
    where a.org_id = plane.caller_org() and a.name = p_wanted and a.deleted_at is null;
  end if;
  return v_found;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.agent_said(p_agent plane.agents)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return plane.agent_json(p_agent) - '{health,lease_until,last_seen_at,updated_at}'::text[];
end;
$function$;

CREATE OR REPLACE FUNCTION plane.agent_skills(p_capabilities jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return coalesce((
    select jsonb_agg(
      case jsonb_typeof(c.value)
        when 'object' then jsonb_build_object(
          'id', coalesce(c.value ->> 'id', plane.slug(c.value ->> 'name')),
          'name', coalesce(c.value ->> 'name', c.value ->> 'id'),
          'description', c.value -> 'description',
          'tags', case when jsonb_typeof(c.value -> 'tags') = 'array' then c.value -> 'tags' else '[]' end,
          'input_schema', coalesce(c.value -> 'input_schema', c.value -> 'inputSchema'),
          'output_schema', coalesce(c.value -> 'output_schema', c.value -> 'outputSchema'))
        else jsonb_build_object(
          'id', plane.slug(c.value #>> '{}'),
          'name', c.value #>> '{}',
          'description', null,
          'tags', '[]'::jsonb,
          'input_schema', null,
          'output_schema', null)
      end
      order by c.place)
    from jsonb_array_elements(case when jsonb_typeof(p_capabilities) = 'array' then p_capabilities else '[]' end)
      with ordinality as c (value, place)
    where jsonb_typeof(c.value) in ('object', 'string')
  ), '[]');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.announce_escalations(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_limit     constant int := coalesce((p ->> 'limit')::int, 100);
  v_announced plane.escalations[];
  v_queued    int;
begin
  with found as (
    select id
    from plane.escalations
    where status in ('open', 'claimed') and announced_at is null
    order by created_at
    limit v_limit
    for no key update skip locked
  ), announced as (
    update plane.escalations as e
    set announced_at = plane.clock()
    from found
    where e.id = found.id
    returning e.*
  )
  select array_agg(a) into v_announced from announced as a;

  insert into plane.escalation_mails (org_id, escalation_id, user_id)
  select m.org_id, e.id, m.user_id
  from unnest(v_announced) as e
  join plane.members as m on m.org_id = e.org_id
  where plane._may_be_mailed(e, m)
  on conflict (escalation_id, user_id) where sent_at is null and given_up_at is null do nothing;
  get diagnostics v_queued = row_count;

  delete from plane.escalation_links where id in (
    select id from plane.escalation_links where expires_at < plane.clock() - interval '30 days' limit v_limit for update skip locked);
  return jsonb_build_object('announced', coalesce(cardinality(v_announced), 0), 'queued', v_queued);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.audit_json(p_entry plane.audit_entries)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_entry.id,
    'seq', p_entry.seq,
    'at', p_entry.at,
    'actor', jsonb_build_object(
      'kind', p_entry.actor_kind, 'id', p_entry.actor_id,
      'label', p_entry.labels ->> 'actor'),
    'on_behalf_of', case when p_entry.on_behalf is not null then jsonb_build_object(
      'kind', coalesce(p_entry.on_behalf ->> 'kind', case when exists (
        select from plane.api_keys as k where k.org_id = p_entry.org_id and k.id = (p_entry.on_behalf ->> 'id')::uuid
      ) then 'api_key' else 'person' end),
      'id', p_entry.on_behalf -> 'id',
      'label', p_entry.labels ->> 'on_behalf',
      'execution_id', p_entry.on_behalf -> 'execution_id') end,
    'action', p_entry.action,
    'resource', p_entry.resource,
    'resource_id', p_entry.resource_id,
    'details', p_entry.details,
    'before_hash', p_entry.before_hash,
    'after_hash', p_entry.after_hash,
    'trace_id', p_entry.trace_id,
    'is_erased', p_entry.erased_in is not null);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.audit_problem(p_kind text, p_seq bigint, p_entry_id bigint, p_message text)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object('kind', p_kind, 'seq', p_seq, 'entry_id', p_entry_id, 'message', p_message);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.budget_json(p_budget plane.budgets, p_state jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now     constant timestamptz := plane.clock();
  v_start   constant timestamptz := (p_state ->> 'period_start')::timestamp at time zone 'UTC';
  v_end     constant timestamptz := (p_state ->> 'resets_at')::timestamptz;
  v_limit   constant numeric := (p_state ->> 'limit_usd')::numeric;
  v_spent   constant numeric := (p_state ->> 'spent_usd')::numeric;
  v_elapsed constant numeric := greatest(extract(epoch from v_now - v_start), 1);
begin
  return jsonb_build_object(
    'id', p_budget.id, 'scope', p_budget.scope, 'workflow_id', p_budget.workflow_id, 'agent_id', p_budget.agent_id, 'period', p_budget.period,
    'limit_usd', p_budget.limit_usd::text, 'on_reached', p_budget.on_reached, 'warn_at', p_budget.warn_at,
    'created_by', p_budget.created_by, 'created_at', p_budget.created_at, 'updated_at', p_budget.updated_at,
    'state', jsonb_build_object(
      'status', case
        when v_spent < v_limit then case when v_spent >= v_limit * p_budget.warn_at then 'warning' else 'open' end
        when p_state ->> 'on_reached' = 'stop' then 'stopped' else 'asking' end,
      'period_start', v_start, 'resets_at', v_end, 'raised_usd', (p_state ->> 'raised_usd')::numeric(18, 9)::text,
      'spent_usd', v_spent::numeric(18, 9)::text, 'left_usd', greatest(v_limit - v_spent, 0)::numeric(18, 9)::text,
      'unknown_calls', p_state -> 'unknown_calls',
      'forecast_usd', (v_spent * greatest(extract(epoch from v_end - v_start) / v_elapsed, 1))::numeric(18, 9)::text,
      'escalation_id', p_state -> 'escalation_id'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.budget_states(p_org uuid)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now constant timestamptz := plane.clock();
begin
  if not exists (select from plane.budgets where org_id = p_org) then
    return '[]';
  end if;
  return (
    with spent as materialized (
      select * from plane._spent_since(p_org, plane._period_start('month', v_now))
    ),
    states as (
      select b, plane._period_start(b.period, v_now) as start,
        b.limit_usd + case when b.raised_on = plane._period_start(b.period, v_now) then b.raised_usd else 0 end as limit_usd
      from plane.budgets as b
      where b.org_id = p_org
    )
    select jsonb_agg(jsonb_build_object(
      'id', (s.b).id, 'scope', (s.b).scope, 'workflow_id', (s.b).workflow_id, 'agent_id', (s.b).agent_id,
      'period', (s.b).period, 'period_start', s.start,
      'resets_at', plane.time_text((s.start + ('1 ' || (s.b).period)::interval) at time zone 'UTC'),
      'limit_usd', s.limit_usd, 'raised_usd', s.limit_usd - (s.b).limit_usd,
      'spent_usd', t.spent_usd, 'unknown_calls', t.unknown_calls, 'warn_at', (s.b).warn_at,
      'on_reached', case when (s.b).stopped_on = s.start then 'stop' else (s.b).on_reached end,
      'is_reached', t.spent_usd >= s.limit_usd,
      'escalation_id', case when (s.b).reached_on = s.start then (s.b).escalation_id end) order by (s.b).created_at, (s.b).id)
    from states as s
    cross join lateral (
      select coalesce(sum(p.cost_usd), 0)::numeric(18, 9) as spent_usd, coalesce(sum(p.unknown_calls), 0) as unknown_calls
      from spent as p
      where p.day >= s.start
        and case (s.b).scope when 'workflow' then p.workflow_id = (s.b).workflow_id when 'agent' then p.agent_id = (s.b).agent_id else true end
    ) as t
  );
end;
$function$;

CREATE OR REPLACE FUNCTION plane.bury_state(payload jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_old plane.state;
begin
  delete from plane.state
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
    and expires_at <= plane.clock()
  returning * into v_old;
  if found then
    perform plane.keep_history(v_old, v_old.expires_at, 'expired');
    return v_old.version;
  end if;
  return coalesce((
    select max(version)
    from plane.state_history
    where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'), 0);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.caller_actor()
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION plane.caller_id()
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
  return case v_claims ->> 'principal' when 'person' then plane.caller_person() else (v_claims ->> 'key_id')::uuid end;
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
  return case
    when v_claims ->> 'principal' in ('api_key', 'person', 'runner') and v_claims ->> 'role' is distinct from 'authenticated'
      then (v_claims ->> 'org_id')::uuid
  end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.caller_person()
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
  return case
    when v_claims ->> 'principal' = 'person' and v_claims ->> 'role' is distinct from 'authenticated'
      then (v_claims ->> 'user_id')::uuid
  end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.caller_trace()
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return substring(
    coalesce(
      nullif(current_setting('plane.trace_id', true), ''),
      nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-trace-id')
    from '^[0-9A-Za-z-]{1,64}$');
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
      jsonb_build_object('by', plane.caller_id()));
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

CREATE OR REPLACE FUNCTION plane.check_memory(payload jsonb, p_expires timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if coalesce(char_length(payload ->> 'namespace'), 0) not between 1 and 200
    or char_length(payload ->> 'key') not between 1 and 500 then
    perform plane.raise_error(422, 'invalid_input', 'A namespace has 1 to 200 characters and a key 1 to 500.', 'Shorten it.');
  elsif coalesce(payload ->> 'content', '') = '' then
    perform plane.raise_error(422, 'invalid_input', 'A memory needs a content.', 'Send the text to remember as content.');
  elsif p_expires <= plane.clock() then
    perform plane.raise_error(422, 'invalid_input', format('/expires_at: %s is over.', plane.time_text(p_expires)),
      'Give a time to come.');
  elsif octet_length(payload ->> 'content') > 65536 or octet_length((payload -> 'metadata')::text) > 16384 then
    perform plane.raise_error(413, 'memory_too_large', 'A memory has at most 64 kB of content and 16 kB of metadata.',
      'Remember it in parts, or keep it elsewhere and remember where.', jsonb_build_object('max_bytes', 65536));
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.check_quota(p_name text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_counted constant bigint := 2000;
  v_org     constant uuid := plane.caller_org();
  v_limit   bigint;
  v_used    bigint;
begin
  select max_value into v_limit from plane.quotas where org_id = v_org and name = p_name;
  if not found then
    v_limit := (plane.quota_defaults() ->> p_name)::bigint;
  end if;
  if v_limit is null then
    return;
  end if;

  if p_name = 'state_bytes' or v_limit > c_counted
    and p_name in ('state_entries', 'memories', 'executions_per_day', 'concurrent_executions')
  then
    select used into v_used from plane.quota_counts where org_id = v_org and name = p_name;
    if v_used >= v_limit then
      perform plane._refuse_over_quota(p_name, v_limit, v_used);
    end if;
    return;
  end if;
  v_used := plane._count_used(v_org, p_name, v_limit + 1);
  if v_used > v_limit - 64 then
    perform pg_advisory_xact_lock(hashtextextended('quota ' || p_name || ' ' || v_org, 0));
    v_used := plane._count_used(v_org, p_name, v_limit + 1);
  end if;
  if v_used > v_limit then
    perform plane._refuse_over_quota(p_name, v_limit, v_limit);
  elsif v_used = v_limit then
    perform plane._note_quota_reached(v_org, p_name, v_limit, v_used);
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.claim_deliveries(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now    constant timestamptz := plane.clock();
  v_limit  constant int := coalesce((p ->> 'limit')::int, 20);
  v_each   constant int := coalesce((p ->> 'per_webhook')::int, 4);
  v_until  constant timestamptz := v_now + coalesce((p ->> 'lease_seconds')::float8, 30) * interval '1 second';
  v_hooks  uuid[];
  v_answer jsonb;
begin
  perform plane._check_isolation();
  v_hooks := array(select plane._lock_due_webhooks(v_now, v_limit));
  if v_hooks = '{}' then
    return jsonb_build_object('deliveries', '[]'::jsonb);
  end if;
  with picked as (
    select due.id
    from unnest(v_hooks) as w (id)
    cross join lateral (
      select d.id, d.next_attempt_at, row_number() over (order by d.next_attempt_at) as turn
      from plane.webhook_deliveries as d
      where d.webhook_id = w.id and d.status = 'pending' and d.next_attempt_at <= v_now
      order by d.next_attempt_at
      limit greatest(0, v_each - (
        select count(*)
        from plane.webhook_deliveries as f
        where f.webhook_id = w.id and f.claim_ref is not null and f.next_attempt_at > v_now))
    ) as due
    order by due.turn, due.next_attempt_at
    limit v_limit
  ),
  claimed as (
    update plane.webhook_deliveries as d
    set claim_ref = gen_random_uuid(), attempts = d.attempts + 1, next_attempt_at = v_until
    from picked
    where d.id = picked.id and d.status = 'pending' and d.next_attempt_at <= v_now
    returning d.*
  )
  select jsonb_build_object('deliveries', coalesce(jsonb_agg(jsonb_build_object(
    'id', c.id, 'claim_ref', c.claim_ref, 'org_id', c.org_id, 'attempts', c.attempts,
    'event', case when e.feed_id is not null then plane.event_body(e) end,
    'webhook', jsonb_build_object('id', w.id, 'url', w.url, 'secret', w.secret,
      'former_secret', case when w.former_until > v_now then w.former_secret end))), '[]'))
  into v_answer
  from claimed as c
  join plane.webhooks as w on w.id = c.webhook_id
  left join plane.events as e on e.org_id = c.org_id and e.feed_id = c.feed_id;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.claim_escalation(p jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
begin
  perform plane._require_may_answer(v_escalation);
  perform plane._require_open(v_escalation);
  if v_escalation.claimed_by ->> 'id' = plane.caller_id()::text then
    return;
  elsif v_escalation.status = 'claimed' then
    perform plane.raise_error(409, 'already_claimed',
      format('%s has taken it.', coalesce(v_escalation.claimed_by ->> 'label', 'Somebody')),
      'Take another one, or answer it all the same.', jsonb_build_object('claimed_by', v_escalation.claimed_by));
  end if;
  update plane.escalations set status = 'claimed', claimed_by = plane.caller_actor() where id = v_escalation.id;
  perform plane._note_escalation(v_escalation, 'escalation.claimed', '{}');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.claim_mails(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_hashes     constant text[] := array(select jsonb_array_elements_text(p -> 'token_hashes'));
  v_mail       plane.escalation_mails;
  v_escalation plane.escalations;
  v_member     plane.members;
  v_link       plane.escalation_links;
  v_mails      jsonb := '[]';
begin
  for v_mail in
    select *
    from plane.escalation_mails
    where due_at <= plane.clock() and sent_at is null and given_up_at is null
    order by due_at
    limit cardinality(v_hashes)
    for no key update skip locked
  loop
    select * into v_escalation from plane.escalations where id = v_mail.escalation_id;
    select * into v_member from plane.members where org_id = v_mail.org_id and user_id = v_mail.user_id;
    if v_member.user_id is null or not plane._may_be_mailed(v_escalation, v_member) or v_mail.attempts >= 8 then
      update plane.escalation_mails set given_up_at = plane.clock() where id = v_mail.id;
      continue;
    end if;

    update plane.escalation_mails
    set attempts = attempts + 1, due_at = plane.clock() + interval '30 seconds' * 2 ^ attempts
    where id = v_mail.id;
    insert into plane.escalation_links (org_id, escalation_id, user_id, token_hash, created_by, expires_at)
    values (v_mail.org_id, v_mail.escalation_id, v_mail.user_id, sha256(decode(v_hashes[jsonb_array_length(v_mails) + 1], 'hex')),
      '{"kind": "plane", "id": null, "label": "mail"}', least(v_escalation.deadline, plane.clock() + interval '7 days'))
    returning * into v_link;
    perform plane.record_plane_audit(v_mail.org_id, 'create_link', 'escalation_links', v_link.id::text,
      jsonb_build_object('escalation_id', v_mail.escalation_id, 'user_id', v_mail.user_id));
    v_mails := v_mails || jsonb_build_object(
      'id', v_mail.id,
      'token_hash', v_hashes[jsonb_array_length(v_mails) + 1],
      'to', v_member.email,
      'organisation', (select o.name from plane.organisations as o where o.id = v_mail.org_id),
      'escalation', jsonb_build_object(
        'id', v_escalation.id, 'kind', v_escalation.kind, 'reason', v_escalation.reason, 'priority', v_escalation.priority,
        'outcomes', v_escalation.outcomes, 'deadline', v_escalation.deadline),
      'expires_at', v_link.expires_at);
  end loop;
  return jsonb_build_object('mails', v_mails);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.claim_messages(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now    constant timestamptz := plane.clock();
  v_limit  constant int := coalesce((p ->> 'limit')::int, 20);
  v_until  constant timestamptz := v_now + coalesce((p ->> 'lease_seconds')::float8, 30) * interval '1 second';
  v_answer jsonb;
begin
  perform plane._check_isolation();
  with recursive organisations as (
    (select m.org_id from plane.trigger_messages as m where m.status = 'pending' order by m.org_id limit 1)
    union all
    select (select m.org_id from plane.trigger_messages as m
      where m.status = 'pending' and m.org_id > o.org_id order by m.org_id limit 1)
    from organisations as o
    where o.org_id is not null
  ),
  due as (
    select first.id
    from organisations as o
    cross join lateral (
      select m.id, row_number() over (order by m.due_at) as turn
      from plane.trigger_messages as m
      where m.org_id = o.org_id and m.status = 'pending' and m.due_at <= v_now
      order by m.due_at
      limit v_limit
    ) as first
    order by first.turn
    limit v_limit
  ),
  locked as (
    select m.id from plane.trigger_messages as m join due on due.id = m.id
    where m.status = 'pending' and m.due_at <= v_now
    for no key update of m skip locked
  ),
  claimed as (
    update plane.trigger_messages as m
    set claim_ref = gen_random_uuid(), attempts = m.attempts + 1, due_at = v_until
    from locked
    where m.id = locked.id
    returning m.*
  ),
  known as (
    select c as message, coalesce(h.target, t.target) as target, coalesce(h.name, t.name) as name
    from claimed as c
    left join plane.hooks as h on h.id = c.hook_id
    left join plane.event_triggers as t on t.id = c.trigger_id
  ),
  found as (
    select k.*, v.id as version_id, v.document
    from known as k
    left join lateral plane._find_target((k.message).org_id, k.target ->> 'workflow', (k.target ->> 'version')::int) as v on true
  )
  select jsonb_build_object(
    'messages', coalesce(jsonb_agg(jsonb_build_object(
      'id', (f.message).id, 'claim_ref', (f.message).claim_ref, 'org_id', (f.message).org_id, 'attempts', (f.message).attempts,
      'message_id', (f.message).message_id, 'headers', (f.message).headers, 'body', (f.message).body, 'hops', (f.message).hops,
      'received_at', plane.time_text((f.message).received_at), 'target', f.target, 'version_id', f.version_id,
      'source', jsonb_build_object('kind', case when (f.message).hook_id is null then 'trigger' else 'hook' end,
        'id', coalesce((f.message).hook_id, (f.message).trigger_id), 'name', f.name))
      order by (f.message).received_at, (f.message).id), '[]'),
    'documents', coalesce(jsonb_object_agg(f.version_id, f.document) filter (where f.version_id is not null), '{}'))
  into v_answer
  from found as f;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.claim_schedules(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now    constant timestamptz := plane.clock();
  v_until  constant timestamptz := v_now + coalesce((p ->> 'lease_seconds')::float8, 30) * interval '1 second';
  v_answer jsonb;
begin
  perform plane._check_isolation();
  with due as (
    select s.id
    from plane.schedules as s
    where s.due_at <= v_now
    order by s.due_at
    limit coalesce((p ->> 'limit')::int, 20)
    for no key update skip locked
  ),
  claimed as (
    update plane.schedules as s
    set claim_ref = gen_random_uuid(), due_at = v_until
    from due
    where s.id = due.id
    returning s.id, s.claim_ref
  ),
  found as (
    select s as schedule, c.claim_ref, v.id as version_id, v.document -- s: as it was before, but for the claim
    from claimed as c
    join plane.schedules as s on s.id = c.id
    left join lateral plane._find_target(s.org_id, s.workflow, s.version) as v on true
  )
  select jsonb_build_object(
    'now', plane.time_text(v_now),
    'schedules', coalesce(jsonb_agg(plane.schedule_json(f.schedule) || jsonb_build_object(
      'claim_ref', f.claim_ref, 'org_id', (f.schedule).org_id, 'version_id', f.version_id)), '[]'),
    'documents', coalesce(jsonb_object_agg(f.version_id, f.document) filter (where f.version_id is not null), '{}'))
  into v_answer
  from found as f;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.comment_on_escalation(p jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
begin
  insert into plane.escalation_comments (org_id, escalation_id, author, text)
  values (v_escalation.org_id, v_escalation.id, plane.caller_actor(), p ->> 'text');
  perform plane._note_escalation(v_escalation, 'escalation.commented', '{}');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.count_quotas(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now     constant timestamptz := plane.clock();
  v_today   constant date := (v_now at time zone 'UTC')::date;
  v_org     uuid;
  v_stored  record;
  v_counted int := 0;
begin
  for v_org in
    select m.org_id from plane.meters as m
    where m.measured_at <= v_now - coalesce((p ->> 'every_seconds')::numeric, 60) * interval '1 second'
      and ((p ->> 'org_id') is null or m.org_id = (p ->> 'org_id')::uuid)
    order by m.measured_at limit coalesce((p ->> 'limit')::int, 50)
    for no key update skip locked
  loop
    select count(*) as entries, coalesce(sum(pg_column_size(s.value)), 0) as bytes into v_stored
    from plane.state as s where s.org_id = v_org;
    insert into plane.usage_days as u (org_id, day, metric, value)
    select v_org, v_today, g.metric, g.value
    from (values
      ('agents', plane._count_used(v_org, 'agents', null)), ('state_bytes', v_stored.bytes), ('state_entries', v_stored.entries),
      ('workflows', plane._count_used(v_org, 'workflows', null))) as g (metric, value)
    where g.value > 0
    on conflict (org_id, day, metric) do update set value = greatest(u.value, excluded.value);
    perform plane._count_large_quotas(v_org, v_stored.bytes);
    update plane.meters set measured_at = v_now where org_id = v_org;
    v_counted := v_counted + 1;
  end loop;
  return jsonb_build_object('counted', v_counted);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.delivery_json(p_delivery plane.webhook_deliveries)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_delivery.id,
    'webhook_id', p_delivery.webhook_id,
    'event_id', 'evt_' || p_delivery.feed_id,
    'event_type', p_delivery.event_type,
    'status', case
      when p_delivery.claim_ref is not null and p_delivery.next_attempt_at > plane.clock() then 'sending'
      else p_delivery.status end,
    'attempts', p_delivery.attempts,
    'next_attempt_at', case when p_delivery.status = 'pending' and p_delivery.claim_ref is null then p_delivery.next_attempt_at end,
    'history', p_delivery.history,
    'created_at', p_delivery.created_at,
    'ended_at', p_delivery.ended_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.dismiss_escalation(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_id         constant uuid := (p ->> 'id')::uuid;
  v_escalation plane.escalations;
begin
  perform plane._check_isolation();
  perform plane._lock_topics(array[plane._require_org() || '/escalation.resolved']);
  v_escalation := plane._require_escalation(v_id);
  if v_escalation.created_by ->> 'id' is distinct from plane.caller_id()::text then
    perform plane._require_may_answer(v_escalation);
  end if;
  perform plane._require_open(v_escalation);
  if v_escalation.wait_token is not null or v_escalation.kind = 'budget' then
    perform plane.raise_error(409, 'awaited_by_execution', 'An execution waits for this answer, so it cannot be dismissed.',
      'Resolve it with one of its outcomes, or cancel the execution.',
      jsonb_build_object('outcomes', v_escalation.outcomes, 'execution_id', v_escalation.execution_id));
  end if;
  v_escalation := plane._close_escalation(v_id, 'dismissed', null, p);
  return plane._answer_event_waits(v_escalation.org_id, 'escalation.resolved', plane._decision_of(v_escalation));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.drop_payloads(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_limit      constant int := coalesce((p ->> 'limit')::int, 100);
  v_now        constant timestamptz := plane.clock();
  v_executions uuid[];
  v_orgs       uuid[];
  v_refs       bytea[];
begin
  select array_agg(due.id), array_agg(distinct due.org_id) into v_executions, v_orgs
  from (
    select e.id, e.org_id
    from plane.retention as r
    join plane.executions as e on e.org_id = r.org_id and e.ended_at < v_now - r.payload_days * interval '1 day'
    where r.payload_days is not null and e.ended_at is not null and e.payloads_dropped_at is null
    limit v_limit
    for no key update of e skip locked
  ) as due;
  if v_executions is null then
    return '{"dropped": 0}';
  end if;

  update plane.executions
  set input = '{}', output = null, error = error - 'errors' || '{"message": "dropped"}', payloads_dropped_at = v_now
  where id = any (v_executions);
  select array_agg(distinct c.output_ref) into v_refs
  from plane.checkpoints as c
  where c.execution_id = any (v_executions) and c.output_ref is not null;
  update plane.checkpoints
  set output = null, output_ref = null, details = '{}', error = error - 'errors' || '{"message": "dropped"}'
  where execution_id = any (v_executions);
  update plane.waits set data = '{}', payload = null, votes = '[]', match = null where execution_id = any (v_executions);
  delete from plane.signals where execution_id = any (v_executions);
  update plane.events set data = '{}' where org_id = any (v_orgs) and execution_id = any (v_executions);
  delete from plane.payloads as y
  where y.org_id = any (v_orgs) and y.hash = any (v_refs)
    and not exists (select from plane.checkpoints as c where c.org_id = y.org_id and c.output_ref = y.hash);
  return jsonb_build_object('dropped', cardinality(v_executions));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.end_handoff(p_handoff plane.handoffs, p_status text, p_action text, p_agent_id uuid, p_output jsonb DEFAULT NULL::jsonb, p_error jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff plane.handoffs;
begin
  update plane.handoffs
  set
    status = p_status,
    agent_id = coalesce(p_agent_id, agent_id),
    taken_by = case when p_status = 'cancelled' then taken_by else plane.caller_actor() end,
    token_hash = null,
    lease_until = null,
    output_data = p_output,
    error = p_error,
    updated_at = plane.clock(),
    completed_at = plane.clock()
  where id = p_handoff.id
  returning * into v_handoff;
  perform plane.note_handoff(v_handoff, p_action, p_status, jsonb_build_object(
    'code', p_error -> 'code', 'seconds', round(extract(epoch from v_handoff.completed_at - v_handoff.accepted_at), 3)));
  return plane.handoff_json(v_handoff) || jsonb_build_object('due', plane.settle_handoff(v_handoff.id));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.erasure_json(p_erasure plane.erasures)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_erasure.id,
    'kind', p_erasure.kind,
    'subject', p_erasure.subject,
    'label', p_erasure.label,
    'status', case when p_erasure.finished_at is null then 'running' else 'finished' end,
    'requested_by', p_erasure.requested_by,
    'requested_at', p_erasure.requested_at,
    'finished_at', p_erasure.finished_at,
    'row_count', p_erasure.row_count);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.escalation_json(p_escalation plane.escalations, p_is_whole boolean)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_refusal constant text := plane.refusal_to_answer(p_escalation);
  v_json    jsonb;
begin
  v_json := jsonb_build_object(
    'id', p_escalation.id,
    'kind', p_escalation.kind,
    'status', p_escalation.status,
    'priority', p_escalation.priority,
    'reason', p_escalation.reason,
    'context', plane.with_money(p_escalation.context),
    'form', p_escalation.form,
    'outcomes', p_escalation.outcomes,
    'assign_to', p_escalation.assign_to,
    'quorum', p_escalation.quorum,
    'votes', p_escalation.votes,
    'aal2', p_escalation.needs_aal2,
    'not_requester', p_escalation.not_requester,
    'answerable_by', p_escalation.answerable_by,
    'execution_id', p_escalation.execution_id,
    'path', p_escalation.path,
    'workflow_id', p_escalation.workflow_id,
    'agent_id', p_escalation.agent_id,
    'created_by', p_escalation.created_by,
    'claimed_by', p_escalation.claimed_by)
  || jsonb_build_object(
    'deadline', p_escalation.deadline,
    'on_timeout', p_escalation.on_timeout,
    'outcome', p_escalation.outcome,
    'answer', p_escalation.answer,
    'comment', p_escalation.comment,
    'decided_by', p_escalation.decided_by,
    'created_at', p_escalation.created_at,
    'decided_at', p_escalation.decided_at,
    'may_answer', p_escalation.decided_at is null and v_refusal is null,
    'refusal', v_refusal);
  if p_is_whole then
    v_json := v_json || jsonb_build_object('comments', (
      select coalesce(jsonb_agg(
        jsonb_build_object('id', c.id, 'author', c.author, 'text', c.text, 'created_at', c.created_at) order by c.created_at, c.id), '[]')
      from plane.escalation_comments as c
      where c.org_id = p_escalation.org_id and c.escalation_id = p_escalation.id));
  end if;
  return v_json;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.event_body(p_event plane.events)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', 'evt_' || p_event.feed_id,
    'type', plane.event_type(p_event.type, p_event.name),
    'time', plane.time_text(p_event.at),
    'execution_id', p_event.execution_id,
    'path', p_event.path,
    'data', p_event.data);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.event_type(p_type text, p_name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return case when p_type = 'event' and p_name is not null then 'event.' || p_name else p_type end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.expire_handoffs(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_found   plane.handoffs;
  v_handoff plane.handoffs;
  v_expired int := 0;
  v_due     jsonb := '[]';
begin
  perform plane._check_isolation();
  for v_found in
    (select * from plane.handoffs where status = 'claimed' and lease_until <= plane.clock() order by lease_until limit (p ->> 'limit')::int)
    union
    (
      select *
      from plane.handoffs
      where status in ('pending', 'claimed', 'accepted') and deadline_at <= plane.clock()
      order by deadline_at
      limit (p ->> 'limit')::int
    )
  loop
    continue when v_found.wait_token is not null and not plane._hold_frame_of_handoff(v_found, false);
    select * into v_handoff from plane.handoffs where id = v_found.id for no key update skip locked;
    continue when not found;
    v_found := plane._lapse_handoff(v_handoff);
    v_expired := v_expired + (v_found.status <> v_handoff.status)::int;
    v_due := v_due || plane._settle_handoff(v_found);
  end loop;
  return jsonb_build_object('expired', v_expired, 'due', v_due, 'next_in_ms', plane._ms_until(
    (select min(lease_until) from plane.handoffs where status = 'claimed')));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.fan_out_triggers(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_feeds   constant int := coalesce((p ->> 'feeds')::int, 20);
  v_events  constant int := coalesce((p ->> 'events')::int, 500);
  v_feed    plane.event_feeds;
  v_end     record;
  v_count   int;
  v_read    int := 0;
  v_made    int := 0;
  v_more    boolean := false;
begin
  perform plane._check_isolation();
  for v_feed in select * from plane._lock_feeds('triggers', v_horizon, v_feeds) loop
    v_read := v_read + 1;
    if not exists (select from plane.event_triggers as t where t.org_id = v_feed.org_id and t.is_enabled) then
      delete from plane.event_feeds where org_id = v_feed.org_id and reader = v_feed.reader;
      continue;
    end if;
    select * into v_end from plane._read_on(v_feed, v_horizon, v_events);
    insert into plane.trigger_messages (org_id, trigger_id, message_id, body, hops)
    select e.org_id, t.id, 'evt_' || e.feed_id, plane.event_body(e), 1 + coalesce((
        select max(m.hops)
        from plane.executions as x
        join plane.trigger_messages as m on m.execution_id = x.root_execution_id
        where x.id = e.execution_id), 0)
    from plane.events as e
    join plane.event_triggers as t on t.org_id = e.org_id and t.is_enabled and e.xid >= t.since_xid
    where e.org_id = v_feed.org_id
      and (e.xid, e.feed_id) > (v_feed.xid, v_feed.feed_id) and (e.xid, e.feed_id) <= (v_end.xid, v_end.feed_id)
      and plane._matches_event(plane.event_type(e.type, e.name), array[t.event])
      and plane._has_equal(e.data, t.match)
    order by e.xid, e.feed_id
    on conflict (trigger_id, message_id) do nothing;
    get diagnostics v_count = row_count;
    v_made := v_made + v_count;
    v_more := v_more or v_end.is_full;
  end loop;
  return jsonb_build_object('made', v_made, 'more', v_more or v_read = v_feeds);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.fan_out_webhooks(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_feeds   constant int := coalesce((p ->> 'feeds')::int, 20);
  v_events  constant int := coalesce((p ->> 'events')::int, 500);
  v_feed    plane.event_feeds;
  v_end     record;
  v_count   int;
  v_read    int := 0;
  v_made    int := 0;
  v_more    boolean := false;
begin
  perform plane._check_isolation();
  for v_feed in select * from plane._lock_feeds('webhooks', v_horizon, v_feeds) loop
    v_read := v_read + 1;
    if not exists (select from plane.webhooks as w where w.org_id = v_feed.org_id and w.status = 'enabled') then
      delete from plane.event_feeds where org_id = v_feed.org_id and reader = v_feed.reader;
      continue;
    end if;
    select * into v_end from plane._read_on(v_feed, v_horizon, v_events);
    insert into plane.webhook_deliveries (org_id, webhook_id, feed_id, event_type)
    select e.org_id, w.id, e.feed_id, plane.event_type(e.type, e.name)
    from plane.events as e
    join plane.webhooks as w on w.org_id = e.org_id and w.status = 'enabled' and e.xid >= w.since_xid
    where e.org_id = v_feed.org_id
      and (e.xid, e.feed_id) > (v_feed.xid, v_feed.feed_id) and (e.xid, e.feed_id) <= (v_end.xid, v_end.feed_id)
      and e.type <> 'webhook.test' -- sent to the one that it is for
      and plane._matches_event(plane.event_type(e.type, e.name), w.events)
    order by e.xid, e.feed_id
    on conflict (webhook_id, feed_id) do nothing;
    get diagnostics v_count = row_count;
    v_made := v_made + v_count;
    v_more := v_more or v_end.is_full;
  end loop;
  return jsonb_build_object('made', v_made, 'more', v_more or v_read = v_feeds);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_delivery(p_id uuid)
 RETURNS plane.webhook_deliveries
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_delivery plane.webhook_deliveries;
begin
  select * into v_delivery from plane.webhook_deliveries where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'delivery_not_found', format('There is no delivery %s.', p_id),
      'List the deliveries: what ended 30 days ago is deleted.',
      '{"next": [{"why": "list the deliveries", "method": "GET", "path": "/api/webhooks/deliveries"}]}');
  end if;
  return v_delivery;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_escalation(p_id text)
 RETURNS plane.escalations
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_escalation plane.escalations;
begin
  select * into v_escalation from plane.escalations where id = p_id::uuid and org_id = plane.caller_org();
  if not found then
    perform plane.raise_no_escalation(p_id::uuid);
  end if;
  return v_escalation;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_handoff(p_id uuid)
 RETURNS plane.handoffs
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff plane.handoffs;
begin
  select * into v_handoff from plane.handoffs where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'handoff_not_found', format('There is no hand-off %s.', p_id), 'List them.',
      '{"next": [{"why": "list the hand-offs", "method": "GET", "path": "/api/handoffs"}]}');
  end if;
  return v_handoff;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_hook(p jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'hook_id', h.id,
    'org_id', h.org_id,
    'scheme', h.scheme,
    'verification', h.verification,
    'secret', h.secret,
    'former_secret', case when h.former_until > plane.clock() then h.former_secret end)
  from plane.hooks as h
  where h.token = p ->> 'token' and h.is_enabled;
$function$;

CREATE OR REPLACE FUNCTION plane.find_member(p_user_id uuid)
 RETURNS plane.members
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_member plane.members;
begin
  select * into v_member
  from plane.members
  where org_id = plane.caller_org() and user_id = p_user_id and removed_at is null
  for no key update;
  if v_member.user_id is null then
    perform plane.raise_error(404, 'member_not_found', format('There is no member %s.', p_user_id), 'GET /api/members lists them.');
  end if;
  return v_member;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_message(p_id uuid)
 RETURNS plane.trigger_messages
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_message plane.trigger_messages;
begin
  select * into v_message from plane.trigger_messages where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'message_not_found', format('There is no message %s.', p_id),
      'List the messages: what was handled 30 days ago is deleted.',
      '{"next": [{"why": "list the messages", "method": "GET", "path": "/api/hooks/messages"}]}');
  end if;
  return v_message;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_policy(p_id uuid)
 RETURNS plane.policies
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_policy plane.policies;
begin
  select * into v_policy from plane.policies where org_id = plane.caller_org() and id = p_id;
  if not found then
    perform plane.raise_error(404, 'policy_not_found', format('There is no policy %s.', p_id), 'List the policies.',
      '{"next": [{"why": "list the policies", "method": "GET", "path": "/api/policies"}]}');
  end if;
  return v_policy;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_schedule(p_id uuid)
 RETURNS plane.schedules
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_schedule plane.schedules;
begin
  select * into v_schedule from plane.schedules where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'schedule_not_found', format('There is no schedule %s.', p_id), 'List the schedules.',
      '{"next": [{"why": "list the schedules", "method": "GET", "path": "/api/schedules"}]}');
  end if;
  return v_schedule;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_trigger(p_id uuid)
 RETURNS plane.event_triggers
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_trigger plane.event_triggers;
begin
  select * into v_trigger from plane.event_triggers where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'trigger_not_found', format('There is no trigger %s.', p_id), 'List the triggers.',
      '{"next": [{"why": "list the triggers", "method": "GET", "path": "/api/triggers"}]}');
  end if;
  return v_trigger;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.find_webhook(p_id uuid)
 RETURNS plane.webhooks
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_webhook plane.webhooks;
begin
  select * into v_webhook from plane.webhooks where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'webhook_not_found', format('There is no webhook %s.', p_id), 'List the webhooks.',
      '{"next": [{"why": "list the webhooks", "method": "GET", "path": "/api/webhooks"}]}');
  end if;
  return v_webhook;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.finish_message(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_start   constant jsonb := p -> 'start';
  v_publish constant jsonb := p -> 'publish';
  v_message plane.trigger_messages;
  v_answer  jsonb := '{}';
  v_error   jsonb;
  v_refused text;
  v_detail  text;
begin
  perform plane._check_isolation();
  select * into v_message
  from plane.trigger_messages
  where id = (p ->> 'id')::uuid and claim_ref = (p ->> 'claim_ref')::uuid and status = 'pending'
  for no key update;
  if v_message.id is null then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  if v_start is not null then
    v_answer := plane._start_for(v_message.org_id, coalesce(v_message.hook_id, v_message.trigger_id),
      (v_start ->> 'version_id')::uuid, v_start -> 'input');
    if (v_answer ->> 'is_for_now')::boolean and v_message.attempts < 20 then
      update plane.trigger_messages
      set claim_ref = null, due_at = plane.clock() + v_message.attempts * interval '10 seconds'
      where id = v_message.id;
      return jsonb_build_object('ok', true, 'due', '[]'::jsonb);
    end if;
  elsif v_publish is not null then
    perform plane._act_for(v_message.org_id, v_message.hook_id);
    begin
      v_answer := plane.publish_event(v_publish ->> 'name', v_publish -> 'payload');
    exception when sqlstate 'PT422' then
      get stacked diagnostics v_refused = message_text, v_detail = pg_exception_detail;
      v_error := jsonb_build_object('code', v_detail::jsonb -> 'code', 'message', v_refused);
    end;
  end if;
  v_error := coalesce(p -> 'error', v_error, v_answer -> 'error');
  if v_error is null then
    perform plane.record_plane_audit(v_message.org_id, case when v_start is null then 'publish_event' else 'start_execution' end,
      case when v_start is null then 'events' else 'executions' end, coalesce(v_answer ->> 'execution_id', v_answer ->> 'id'),
      jsonb_strip_nulls(jsonb_build_object('name', v_publish -> 'name', 'message_id', v_message.id, 'hook_id', v_message.hook_id,
        'trigger_id', v_message.trigger_id)));
  end if;
  update plane.trigger_messages
  set
    status = case when v_error is null then 'handled' else 'failed' end,
    error = v_error,
    execution_id = (v_answer ->> 'execution_id')::uuid,
    event_id = (v_answer ->> 'id')::bigint,
    claim_ref = null,
    handled_at = plane.clock()
  where id = v_message.id;
  return jsonb_build_object('ok', true, 'due', coalesce(v_answer -> 'due', '[]'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.firing_json(p_firing plane.schedule_firings)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_firing.id,
    'schedule_id', p_firing.schedule_id,
    'fire_at', p_firing.fire_at,
    'manual', p_firing.is_manual,
    'outcome', p_firing.outcome,
    'reason', p_firing.reason,
    'count', p_firing.count,
    'until', p_firing.until,
    'error', p_firing.error,
    'execution_id', p_firing.execution_id,
    'created_at', p_firing.created_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.fits_handoff(p_agent plane.agents, p_handoff plane.handoffs)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_skills constant jsonb := plane.agent_skills(p_agent.capabilities);
begin
  if p_handoff.to_agent_id is not null or p_handoff.match is null then
    return coalesce(p_handoff.to_agent_id = p_agent.id, true);
  end if;
  return not exists (
    select from jsonb_array_elements_text(coalesce(p_handoff.match -> 'skills', '[]')) as wanted (name)
    where not exists (
      select from jsonb_array_elements(v_skills) as s
      where lower(wanted.name) in (lower(s ->> 'id'), lower(s ->> 'name')) or plane.slug(wanted.name) = s ->> 'id'))
  and not exists (
    select from jsonb_array_elements_text(coalesce(p_handoff.match -> 'tags', '[]')) as wanted (name)
    where not exists (
      select from jsonb_array_elements(v_skills) as s, jsonb_array_elements_text(s -> 'tags') as tag
      where lower(tag) = lower(wanted.name)));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.forget_triggered(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 1000);
  v_count   int;
  v_deleted int := 0;
begin
  delete from plane.webhook_deliveries where id in (
    select id from plane.webhook_deliveries
    where ended_at < plane.clock() - interval '30 days'
    limit v_limit for update skip locked);
  get diagnostics v_count = row_count;
  v_deleted := v_deleted + v_count;

  delete from plane.trigger_messages where id in (
    select id from plane.trigger_messages
    where handled_at < plane.clock() - interval '30 days'
    limit v_limit for update skip locked);
  get diagnostics v_count = row_count;
  v_deleted := v_deleted + v_count;

  delete from plane.schedule_firings where id in (
    select id from plane.schedule_firings
    where created_at < plane.clock() - interval '90 days' and outcome <> 'queued' and not is_open
    limit v_limit for update skip locked);
  get diagnostics v_count = row_count;
  return jsonb_build_object('deleted', v_deleted + v_count);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.get_plane_health(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_next constant timestamptz := plane._next_due();
begin
  return jsonb_build_object(
    'overdue', (select count(*) from plane._overdue(1000, 1000)),
    'oldest_due_seconds', case when v_next <= plane.clock() then round(extract(epoch from plane.clock() - v_next))::int end,
    'chores', coalesce((
      select jsonb_agg(jsonb_build_object(
        'name', c.name,
        'ran_seconds_ago', round(extract(epoch from plane.clock() - c.ran_at))::int,
        'took_ms', c.took_ms,
        'failures', c.failures) order by c.name)
      from gateway.chore_runs as c), '[]'),
    'database', current_setting('server_version'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.give_back_handoff(p_id uuid, p_message text)
 RETURNS plane.handoffs
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff plane.handoffs;
begin
  perform plane._require_org();
  v_handoff := plane.find_handoff(p_id);
  return plane._lapse_handoff(v_handoff, 'released', left(p_message, 2000));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.handoff_json(p_handoff plane.handoffs)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_handoff.id,
    'from_agent_id', p_handoff.from_agent_id,
    'from_agent', (select a.name from plane.agents as a where a.id = p_handoff.from_agent_id),
    'to_agent_id', p_handoff.to_agent_id,
    'to_agent', (select a.name from plane.agents as a where a.id = p_handoff.to_agent_id),
    'match', p_handoff.match,
    'workflow_id', p_handoff.workflow_id,
    'execution_id', p_handoff.execution_id,
    'path', p_handoff.path,
    'packet', p_handoff.packet,
    'context', p_handoff.context,
    'reason', p_handoff.reason,
    'status', p_handoff.status,
    'agent_id', p_handoff.agent_id,
    'lease_until', p_handoff.lease_until,
    'fence', p_handoff.fence,
    'attempts', p_handoff.attempts,
    'max_attempts', p_handoff.max_attempts,
    'deadline_at', p_handoff.deadline_at,
    'output_data', p_handoff.output_data,
    'error', p_handoff.error,
    'parent_id', p_handoff.parent_id,
    'hops', p_handoff.hops,
    'created_by', p_handoff.created_by,
    'taken_by', p_handoff.taken_by)
  || jsonb_build_object(
    'created_at', p_handoff.created_at,
    'updated_at', p_handoff.updated_at,
    'accepted_at', p_handoff.accepted_at,
    'completed_at', p_handoff.completed_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.handoff_line(p_handoff plane.handoffs)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'id', p_handoff.id,
    'status', p_handoff.status,
    'goal', left(coalesce(p_handoff.packet ->> 'goal', p_handoff.reason), 500),
    'from_agent_id', p_handoff.from_agent_id,
    'to_agent_id', p_handoff.to_agent_id,
    'agent_id', p_handoff.agent_id,
    'execution_id', p_handoff.execution_id,
    'path', p_handoff.path,
    'attempts', p_handoff.attempts,
    'lease_until', p_handoff.lease_until,
    'deadline_at', p_handoff.deadline_at,
    'error', p_handoff.error,
    'created_at', p_handoff.created_at,
    'completed_at', p_handoff.completed_at);
$function$;

CREATE OR REPLACE FUNCTION plane.hold_handoff(p_id uuid)
 RETURNS plane.handoffs
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org     constant uuid := plane._require_org();
  v_handoff plane.handoffs;
begin
  perform plane._check_isolation();
  select * into v_handoff from plane.handoffs where id = p_id and org_id = v_org;
  if v_handoff.id is null then
    perform plane.find_handoff(p_id); -- raises
  elsif v_handoff.wait_token is not null then
    perform plane._hold_frame_of_handoff(v_handoff);
  end if;
  select * into v_handoff from plane.handoffs where id = p_id and org_id = v_org for no key update;
  return plane._lapse_handoff(v_handoff);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.hook_json(p_hook plane.hooks)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_hook.id,
    'name', p_hook.name,
    'token', p_hook.token,
    'scheme', p_hook.scheme,
    'verification', p_hook.verification,
    'target', p_hook.target,
    'enabled', p_hook.is_enabled,
    'former_secret_until', case when p_hook.former_until > plane.clock() then p_hook.former_until end,
    'created_by', p_hook.created_by,
    'created_at', p_hook.created_at,
    'updated_at', p_hook.updated_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.inbox_execution(p_execution plane.executions)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_execution.id,
    'workflow', (select w.name from plane.workflows as w where w.id = p_execution.workflow_id),
    'mode', p_execution.mode,
    'status', plane.execution_status(p_execution),
    'waiting_for', coalesce((
      select jsonb_agg(jsonb_build_object('path', w.path, 'kind', w.kind, 'name', w.name, 'until', w.deadline,
        'message', left(w.data ->> 'message', 300)) order by w.opened_at, w.token)
      from (
        select * from plane.waits as x
        where x.execution_id = p_execution.id and x.answered_at is null and not x.data ? 'timeout_of'
        order by x.opened_at, x.token
        limit 5
      ) as w), '[]'),
    'created_at', p_execution.created_at,
    'deadline_at', p_execution.deadline_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.inbox_handoffs(p_agent_id uuid, p_limit integer)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'held', coalesce((
      select jsonb_agg(plane.handoff_line(held::plane.handoffs) order by held.lease_until nulls last, held.accepted_at)
      from (
        select *
        from plane.handoffs
        where org_id = plane.caller_org() and agent_id = p_agent_id and status in ('claimed', 'accepted')
        order by lease_until nulls last, accepted_at
        limit p_limit
      ) as held), '[]'),
    'offered', coalesce((
      select jsonb_agg(plane.handoff_line(h) order by h.created_at, h.id) from plane.offered_handoffs(p_agent_id, p_limit) as h), '[]'),
    'sent', coalesce((
      select jsonb_agg(plane.handoff_line(sent::plane.handoffs) order by sent.completed_at desc)
      from (
        select *
        from plane.handoffs
        where org_id = plane.caller_org() and from_agent_id = p_agent_id and status in ('completed', 'rejected', 'dead', 'cancelled')
          and completed_at > plane.clock() - interval '7 days'
        order by completed_at desc
        limit p_limit
      ) as sent), '[]'));
$function$;

CREATE OR REPLACE FUNCTION plane.index_agent(p_agent plane.agents)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_skills constant jsonb := case when p_agent.deleted_at is null then plane.agent_skills(p_agent.capabilities) else '[]' end;
begin
  with said as (
    select 'skill' as kind, plane.slug(said) as term, 1.0::real as weight
    from jsonb_array_elements(v_skills) as s, unnest(array[s ->> 'id', s ->> 'name']) as said
    union
    select 'tag', plane.slug(tag), 1.0::real
    from jsonb_array_elements(v_skills) as s, jsonb_array_elements_text(s -> 'tags') as tag
    union
    select 'field', left(field, 100), 1.0::real
    from jsonb_array_elements(v_skills) as s,
      jsonb_object_keys(case jsonb_typeof(s -> 'input_schema' -> 'properties')
        when 'object' then s -> 'input_schema' -> 'properties' else '{}' end) as field
    union
    select 'word', left(stem, 100), max(weight)
    from (
      select unnest(plane.stems(p_agent.name)) as stem, 1.0::real as weight
      union all
      select unnest(plane.stems(concat_ws(' ', s ->> 'id', s ->> 'name', s ->> 'tags'))), 1.0
      from jsonb_array_elements(v_skills) as s
      union all
      select unnest(plane.stems(concat_ws(' ', p_agent.description,
        (select string_agg(s ->> 'description', ' ') from jsonb_array_elements(v_skills) as s)))), 0.6
    ) as word
    where p_agent.deleted_at is null
    group by left(stem, 100)
  ), wanted as (
    select kind, term, weight from said where term <> '' order by weight desc, kind, term limit 2000
  ), forgotten as (
    delete from plane.agent_terms as t
    where t.org_id = p_agent.org_id and t.agent_id = p_agent.id
      and not exists (select from wanted as w where w.kind = t.kind and w.term = t.term)
  )
  insert into plane.agent_terms as t (org_id, kind, term, agent_id, weight)
  select p_agent.org_id, w.kind, w.term, p_agent.id, w.weight
  from wanted as w
  on conflict (org_id, kind, term, agent_id) do update set weight = excluded.weight where t.weight <> excluded.weight;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.invitation_json(p_invitation plane.invitations)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'id', p_invitation.id,
    'email', p_invitation.email,
    'role', p_invitation.role,
    'status', case
      when p_invitation.accepted_at is not null then 'accepted'
      when p_invitation.revoked_at is not null then 'revoked'
      when p_invitation.expires_at <= plane.clock() then 'expired'
      else 'open' end,
    'created_by', p_invitation.created_by,
    'created_at', p_invitation.created_at,
    'expires_at', p_invitation.expires_at,
    'accepted_at', p_invitation.accepted_at,
    'accepted_by', p_invitation.accepted_by,
    'revoked_at', p_invitation.revoked_at);
$function$;

CREATE OR REPLACE FUNCTION plane.is_assigned(p_assign_to jsonb, p_person jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_roles constant text[] := '{viewer, approver, operator, admin, owner}';
begin
  return exists (
    select
    from jsonb_array_elements(p_assign_to) as a
    where a ->> 'user_id' = p_person ->> 'user_id'
      or lower(a ->> 'email') = lower(p_person ->> 'email')
      or array_position(v_roles, p_person ->> 'role') >= array_position(v_roles, a ->> 'role'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.keep_history(p_state plane.state, p_ended_at timestamp with time zone, p_ended_by text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_kept constant int := greatest(3, least(100, 1000000 / octet_length(p_state.value::text)));
begin
  insert into plane.state_history
    (org_id, component, key, version, value, agent_id, created_at, updated_at, ended_at, ended_by)
  values (
    p_state.org_id, p_state.component, p_state.key, p_state.version, p_state.value, p_state.agent_id,
    p_state.created_at, p_state.updated_at, p_ended_at, p_ended_by);
  if p_state.version > v_kept then
    delete from plane.state_history
    where org_id = p_state.org_id and component = p_state.component and key = p_state.key
      and version <= p_state.version - v_kept;
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.key_end(p_seconds double precision)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_wanted constant timestamptz := plane.clock() + make_interval(secs => p_seconds);
  v_maker  timestamptz;
begin
  select expires_at into v_maker from plane.api_keys where id = plane.caller_key() and org_id = plane.caller_org();
  if v_wanted > v_maker then
    perform plane.raise_error(403, 'outlives_maker', format('Your key ends at %s; it cannot make one that ends later.', plane.time_text(v_maker)),
      'Ask for less time, or use a key that lasts.', jsonb_build_object('expires_at', plane.time_text(v_maker)));
  end if;
  return coalesce(v_wanted, v_maker);
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
    'expires_at', plane.time_text(p_key.expires_at), 'rotated_from', p_key.rotated_from, 'by', plane.caller_actor());
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
    'rotated_to', p_key.rotated_to);
$function$;

CREATE OR REPLACE FUNCTION plane.known_seal(p_seq bigint, p_known text, p_hash text)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_hash is null then
    return plane.audit_problem('removed', p_seq, null, format('The chain had %s entries and does not reach there any more.', p_seq));
  elsif p_known is not null and p_hash <> p_known then
    return plane.audit_problem('changed', p_seq, null,
      format('Entry %s, or one before it, has another hash than the one that was kept.', p_seq));
  end if;
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.listen(p_reader text)
 RETURNS xid8
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_since constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  insert into plane.event_feeds (org_id, reader, xid)
  values (plane.caller_org(), p_reader, v_since)
  on conflict (org_id, reader) do update set reader = excluded.reader;
  return v_since;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.load_guard(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org uuid;
begin
  select org_id into v_org from plane.executions where id = (p ->> 'execution_id')::uuid;
  return jsonb_build_object(
    'policies', (
      select coalesce(jsonb_agg(to_jsonb(q) - '{org_id,is_enabled,created_by,created_at,updated_at}'::text[]), '[]')
      from plane.policies as q
      where q.org_id = v_org and q.is_enabled),
    'budgets', plane.budget_states(v_org),
    'secrets', (select coalesce(jsonb_agg(s.name), '[]') from plane.secrets as s where s.org_id = v_org));
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
  v_now   constant timestamptz := plane.clock();
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

  update plane.secrets as s
  set last_used_at = v_now
  from (
    select name
    from plane.secrets
    where org_id = v_frame.org_id and v_found ? name and (last_used_at is null or last_used_at < v_now - interval '1 minute')
    order by name
    for no key update skip locked
  ) as used
  where s.org_id = v_frame.org_id and s.name = used.name;
  return jsonb_build_object('ok', true, 'org_id', v_frame.org_id, 'secrets', coalesce(v_found, '{}'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.lock_json(p_lock plane.locks)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'component', p_lock.component,
    'key', p_lock.key,
    'fencing_token', p_lock.token,
    'holder', p_lock.holder,
    'agent_id', p_lock.agent_id,
    'acquired_at', p_lock.acquired_at,
    'lease_until', p_lock.lease_until);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.lock_key(p_id text)
 RETURNS plane.api_keys
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org constant uuid := plane.caller_org();
  v_key plane.api_keys;
begin
  perform pg_advisory_xact_lock(hashtextextended('keys ' || v_org, 0));
  select * into v_key
  from plane.api_keys
  where org_id = v_org and id = p_id::uuid;
  if not found then
    perform plane.raise_error(404, 'key_not_found', format('There is no key %s.', p_id), 'List the keys.',
      '{"next": [{"why": "list the keys", "method": "GET", "path": "/api/keys"}]}');
  end if;
  return v_key;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.mail_escalation(p jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
  v_member     plane.members;
begin
  perform plane._require_open(v_escalation);
  select * into v_member from plane.members
  where org_id = v_escalation.org_id and user_id = (p ->> 'user_id')::uuid and removed_at is null;
  if not found then
    perform plane.raise_error(404, 'member_not_found', format('There is no member %s.', p ->> 'user_id'), 'List them with GET /api/members.');
  elsif not plane._may_be_mailed(v_escalation, v_member) then
    perform plane.raise_error(409, 'not_by_mail', 'This member may not answer this escalation by mail.',
      'It takes may_decide_by_mail, a role that decides, an assignment that includes them, and no second factor.');
  end if;
  insert into plane.escalation_mails (org_id, escalation_id, user_id)
  values (v_escalation.org_id, v_escalation.id, v_member.user_id)
  on conflict (escalation_id, user_id) where sent_at is null and given_up_at is null do update set due_at = plane.clock();
end;
$function$;

CREATE OR REPLACE FUNCTION plane.manages_members()
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return plane.caller_person() is not null and plane.caller_has_scope('members:manage');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.match_asked(p_need jsonb)
 RETURNS TABLE(kind text, asked text, term text, likeness real, rarity double precision)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return query
  with wanted as (
    select distinct on (w.kind, w.word) w.kind, w.word
    from (
      select 'skill' as kind, plane.slug(s) as word from jsonb_array_elements_text(p_need -> 'skills') as s
      union all
      select 'tag', plane.slug(t) from jsonb_array_elements_text(p_need -> 'tags') as t
      union all
      select 'word', left(unnest(plane.stems(p_need ->> 'need')), 100)
      union all
      select 'field', left(jsonb_object_keys(case
        when jsonb_typeof(p_need -> 'input') = 'object' then p_need -> 'input'
        when jsonb_typeof(p_need -> 'input_schema' -> 'properties') = 'object' then p_need -> 'input_schema' -> 'properties'
        else '{}' end), 100)
    ) as w
    where w.word <> ''
  ), known as materialized (
    select w.kind, w.word, (
      select count(*)
      from plane.agent_terms as t
      where t.org_id = plane.caller_org() and t.kind = w.kind and t.term = w.word) as df
    from wanted as w
  )
  select k.kind, k.word, alike.term, alike.likeness, 1 / ln(exp(1.0) + k.df)::double precision
  from known as k
  left join lateral (
    select k.word as term, 1.0::real as likeness where k.df > 0
    union all
    select s.term, s.likeness
    from plane.similar_terms(k.kind, k.word) as s
    where s.term <> k.word and (k.df = 0 or k.kind = 'skill') and k.kind <> 'field'
  ) as alike on true;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.match_reasons(p_hits jsonb, p_match jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_done    constant int := coalesce((p_match ->> 'succeeded')::int, 0) + coalesce((p_match ->> 'failed')::int, 0);
  v_fit     constant numeric := (p_match -> 'shares' ->> 'schema')::numeric;
  v_reasons text[];
begin
  select array_agg(
    case when h ->> 'asked' = h ->> 'term' then format('has the %s %s', h ->> 'kind', h ->> 'term')
      else format('has the %s %s, which is close to %s', h ->> 'kind', h ->> 'term', h ->> 'asked') end order by place)
  into v_reasons
  from jsonb_array_elements(p_hits) with ordinality as t (h, place)
  where h ->> 'kind' in ('skill', 'tag');

  v_reasons := v_reasons || (
    select 'says ' || string_agg(
      case when h ->> 'asked' = h ->> 'term' then h ->> 'term' else format('%s (for %s)', h ->> 'term', h ->> 'asked') end, ', ' order by place)
    from jsonb_array_elements(p_hits) with ordinality as t (h, place)
    where h ->> 'kind' = 'word');
  v_reasons := v_reasons || array[
    case
      when v_fit = 1 then 'takes the input as it is'
      when v_fit > 0 then format('fits %s %% of the input', round(100 * v_fit))
      when v_fit = 0 then 'does not take this input' end,
    case when p_match ->> 'health' = 'late' then format('is late: last seen %s', p_match ->> 'last_seen_at') end,
    case when v_done = 0 then 'has no record yet' else format('%s of its last %s pieces of work succeeded', p_match ->> 'succeeded', v_done) end,
    case when p_match ->> 'p50_ms' is not null then format('usually takes %s s', round((p_match ->> 'p50_ms')::numeric / 1000, 1)) end,
    case when p_match ->> 'mean_usd' is not null then format('costs %s USD on average', round((p_match ->> 'mean_usd')::numeric, 4)) end,
    case when (p_match ->> 'open_work')::int > 0 then format('has %s open', p_match ->> 'open_work') end];
  return to_jsonb(array_remove(v_reasons, null));
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
  perform plane.require_lock(payload);
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

CREATE OR REPLACE FUNCTION plane.match_weights(p_need jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_usual   constant jsonb := '{"skill": 0.3, "text": 0.2, "tag": 0.1, "schema": 0.1,
    "health": 0.08, "success": 0.1, "latency": 0.04, "cost": 0.04, "load": 0.04}';
  v_weights jsonb := c_usual || coalesce(nullif(p_need -> 'weights', 'null'), '{}');
  v_sum     numeric;
begin
  v_weights := v_weights - array_remove(array[
    case when coalesce(jsonb_array_length(p_need -> 'skills'), 0) = 0 then 'skill' end,
    case when coalesce(jsonb_array_length(p_need -> 'tags'), 0) = 0 then 'tag' end,
    case when coalesce(btrim(p_need ->> 'need'), '') = '' then 'text' end,
    case when coalesce(p_need -> 'input', p_need -> 'input_schema') is null then 'schema' end], null);
  select sum(w.value::numeric) into v_sum from jsonb_each_text(v_weights) as w;
  if v_sum <= 0 then
    perform plane.raise_error(422, 'invalid_weights', 'All weights of what counts here are 0.', 'Give at least one of them a positive weight.');
  end if;
  return (select jsonb_object_agg(w.key, round(w.value::numeric / v_sum, 4)) from jsonb_each_text(v_weights) as w);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.may_be_taken(p_handoff plane.handoffs)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return coalesce(p_handoff.deadline_at > plane.clock(), true) and (
    p_handoff.status = 'pending'
    or (p_handoff.status = 'claimed' and p_handoff.lease_until <= plane.clock() and p_handoff.attempts < p_handoff.max_attempts));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.member_json(p_member plane.members)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'user_id', p_member.user_id,
    'email', p_member.email,
    'role', p_member.role,
    'may_decide_by_mail', p_member.may_decide_by_mail,
    'joined_at', p_member.joined_at,
    'last_seen_at', p_member.last_seen_at,
    'removed_at', p_member.removed_at);
$function$;

CREATE OR REPLACE FUNCTION plane.memory_json(p_memory plane.memories)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_memory.id,
    'namespace', p_memory.namespace,
    'key', p_memory.key,
    'content', p_memory.content,
    'metadata', p_memory.metadata,
    'agent_id', p_memory.agent_id,
    'embedded', p_memory.embedding is not null,
    'expires_at', p_memory.expires_at,
    'created_by', p_memory.created_by,
    'created_at', p_memory.created_at,
    'updated_at', p_memory.updated_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.message_json(p_message plane.trigger_messages)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_message.id,
    'hook_id', p_message.hook_id,
    'trigger_id', p_message.trigger_id,
    'message_id', p_message.message_id,
    'status', p_message.status,
    'attempts', p_message.attempts,
    'execution_id', p_message.execution_id,
    'event_id', 'evt_' || p_message.event_id,
    'error', p_message.error,
    'received_at', p_message.received_at,
    'handled_at', p_message.handled_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.meter_requests(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_limit constant int := coalesce((p ->> 'limit')::int, 500);
  v_now   constant timestamptz := plane.clock();
  v_taken record;
  v_total bigint := 0;
begin
  for v_taken in
    with held as (
      select b.org_id, b.kind, b.subject, b.counted
      from plane.rate_buckets as b
      where b.counted <> 0
      order by b.org_id, b.kind, b.subject limit v_limit
      for no key update skip locked
    ), cleared as (
      update plane.rate_buckets as b set counted = 0
      from held as h
      where b.org_id = h.org_id and b.kind = h.kind and b.subject = h.subject
    )
    select h.org_id, sum(h.counted) filter (where h.kind <> 'agent') as requests from held as h group by h.org_id order by h.org_id
  loop
    continue when coalesce(v_taken.requests, 0) = 0;
    perform plane._count_usage(v_taken.org_id, jsonb_build_array(jsonb_build_object(
      'day', (v_now at time zone 'UTC')::date, 'metric', 'requests', 'value', v_taken.requests)));
    v_total := v_total + v_taken.requests;
  end loop;

  delete from plane.rate_buckets where (org_id, kind, subject) in (
    select b.org_id, b.kind, b.subject from plane.rate_buckets as b
    where b.refilled_at < v_now - interval '1 day' and b.counted = 0
    limit v_limit for update skip locked);
  return jsonb_build_object('counted', v_total);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.meter_usage(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_limit     constant int := coalesce((p ->> 'limit')::int, 200);
  v_xids      constant bigint := coalesce((p ->> 'xids')::bigint, 500000);
  v_meter     plane.meters;
  v_metered   int := 0;
  v_is_behind boolean := false;
begin
  insert into plane.meters (org_id)
  select o.id from plane.organisations as o
  where not exists (select from plane.meters as m where m.org_id = o.id)
  order by o.id limit v_limit
  on conflict do nothing;

  for v_meter in
    select * from plane.meters
    where (p ->> 'org_id') is null or org_id = (p ->> 'org_id')::uuid
    order by metered_at limit v_limit
    for no key update skip locked
  loop
    v_is_behind := plane._meter_org(v_meter, v_xids) or v_is_behind;
    v_metered := v_metered + 1;
  end loop;
  return jsonb_build_object('metered', v_metered, 'is_behind', v_is_behind);
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

CREATE OR REPLACE FUNCTION plane.needs_another(p_escalation plane.escalations)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_escalation.not_requester is not null then
    return p_escalation.not_requester;
  end if;
  return p_escalation.kind in ('approval', 'policy') and exists (
    select
    from plane.members as m
    where m.org_id = p_escalation.org_id and m.user_id <> p_escalation.requester_id and m.removed_at is null
      and 'approvals:decide' = any (plane.role_scopes(m.role))
      and (p_escalation.assign_to = '[]' or plane.is_assigned(p_escalation.assign_to, to_jsonb(m))));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.note_agent_change(p_before plane.agents, p_after plane.agents)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_before constant jsonb := case when p_before.id is not null then plane.agent_said(p_before) end;
  v_after  constant jsonb := case when p_after.deleted_at is null then plane.agent_said(p_after) end;
  v_fields jsonb;
begin
  if v_before is not distinct from v_after then
    return false;
  end if;
  select coalesce(jsonb_agg(f.key order by f.key), '[]') into v_fields
  from jsonb_each(v_after) as f
  where v_before is not null and v_before -> f.key is distinct from f.value;

  if v_before is null or v_after is null or v_fields ?| '{name,description,capabilities}' then
    perform plane.index_agent(p_after);
  end if;
  perform plane.note_event(
    case when v_before is null then 'agent.registered' when v_after is null then 'agent.deleted' else 'agent.changed' end,
    jsonb_build_object('agent_id', p_after.id, 'name', p_after.name,
      'fields', case when v_before is not null and v_after is not null then v_fields end));
  perform plane.record_audit(
    case when v_before is null then 'register_agent' when v_after is null then 'delete_agent' else 'update_agent' end,
    'agents', p_after.id::text,
    jsonb_build_object('name', p_after.name)
    || case when v_before is not null and v_after is not null then jsonb_build_object('fields', v_fields) else '{}' end,
    v_before, v_after);
  return true;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.note_agent_health(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_changed int;
begin
  with now_so as (
    select a.id, plane.agent_health(a.lease_seconds, a.last_seen_at + make_interval(secs => coalesce(a.lease_seconds, 0) / 2.0)) as health
    from plane.agents as a
    where a.deleted_at is null and (a.lease_seconds is not null or a.noted_health <> 'active')
  ), differing as (
    select a.id, n.health, a.noted_health
    from plane.agents as a
    join now_so as n using (id)
    where n.health <> a.noted_health
      and (
        array_position(array['active', 'late', 'lost'], n.health) > array_position(array['active', 'late', 'lost'], a.noted_health)
        or a.lease_seconds is null
        or (plane.clock() >= a.noted_at + make_interval(secs => a.lease_seconds)
          and (n.health <> 'active' or plane.agent_health(a.lease_seconds, a.last_seen_at) = 'active'))
      )
    order by a.id
    limit coalesce((p ->> 'limit')::int, 200)
    for no key update of a skip locked
  ), noted as (
    update plane.agents as a
    set noted_health = d.health, noted_at = plane.clock()
    from differing as d
    where a.id = d.id
    returning a.*, d.noted_health as before
  ), told as (
    select count(*) as changes, count(plane._record_event(n.org_id, null, 'agent.health_changed', null, jsonb_build_object(
      'agent_id', n.id, 'name', n.name, 'from', n.before, 'to', n.noted_health, 'last_seen_at', plane.time_text(n.last_seen_at),
      'lease_seconds', n.lease_seconds))) as events
    from noted as n
  )
  select t.changes into v_changed from told as t;
  return jsonb_build_object('changed', v_changed);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.note_chore(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_has_failed constant boolean := coalesce((p ->> 'has_failed')::boolean, false);
begin
  insert into gateway.chore_runs as c (name, ran_at, took_ms, failed_at, failures)
  values (p ->> 'name', plane.clock(), (p ->> 'took_ms')::int, case when v_has_failed then plane.clock() end, v_has_failed::int)
  on conflict (name) do update
  set
    ran_at = greatest(c.ran_at, excluded.ran_at),
    took_ms = excluded.took_ms,
    failed_at = coalesce(excluded.failed_at, c.failed_at),
    failures = case when v_has_failed then c.failures + 1 else 0 end;
  return '{}';
end;
$function$;

CREATE OR REPLACE FUNCTION plane.note_event(p_type text, p_data jsonb, p_execution_id uuid DEFAULT NULL::uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into plane.events (org_id, execution_id, type, data)
  values (plane.caller_org(), p_execution_id, p_type, coalesce(jsonb_strip_nulls(p_data), '{}'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.note_handoff(p_handoff plane.handoffs, p_action text, p_done text, p_more jsonb DEFAULT '{}'::jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_about constant jsonb := jsonb_build_object(
    'agent_id', p_handoff.agent_id, 'from_agent_id', p_handoff.from_agent_id, 'to_agent_id', p_handoff.to_agent_id,
    'attempts', p_handoff.attempts) || p_more;
begin
  perform plane.note_event('handoff.' || p_done, v_about || jsonb_build_object(
    'handoff_id', p_handoff.id, 'goal', left(p_handoff.packet ->> 'goal', 200), 'path', p_handoff.path, 'by', plane.caller_actor()),
    p_handoff.execution_id);
  perform plane.record_audit(p_action, 'handoffs', p_handoff.id::text, jsonb_strip_nulls(v_about));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.note_mail(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  update plane.escalation_mails
  set error = p ->> 'error', sent_at = case when p ->> 'error' is null then plane.clock() end
  where id = (p ->> 'id')::uuid and sent_at is null and given_up_at is null;
  return '{}';
end;
$function$;

CREATE OR REPLACE FUNCTION plane.note_policy(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_told  constant jsonb := jsonb_strip_nulls(p - '{frame,epoch,gen,effect}'::text[]);
  v_type  constant text := 'policy.' || (p ->> 'effect');
  v_key   constant text := concat_ws('|', v_type, p ->> 'execution_id', p ->> 'gen', p ->> 'path', p ->> 'subject');
  v_frame plane.frames;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;
  insert into plane.events (org_id, execution_id, type, path, data, idempotency_key)
  values (v_frame.org_id, v_frame.execution_id, v_type, p ->> 'path', v_told - '{execution_id,path}'::text[],
    encode(sha256(convert_to(v_key, 'UTF8')), 'hex'))
  on conflict do nothing;
  if found then
    perform plane.record_plane_audit(v_frame.org_id, case p ->> 'effect' when 'denied' then 'deny_step' else 'ask_about_step' end,
      'executions', v_frame.execution_id::text, v_told - 'execution_id');
  end if;
  return jsonb_build_object('ok', true);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.note_spending(p_cost_usd numeric)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into plane.spent_days as s (org_id, day, workflow_id, cost_usd, calls, unknown_calls)
  values (plane._require_org(), (plane.clock() at time zone 'UTC')::date, '00000000-0000-0000-0000-000000000000',
    greatest(0, coalesce(p_cost_usd, 0)), 1, (p_cost_usd is null)::int)
  on conflict (org_id, day, workflow_id, agent_id) do update
  set
    cost_usd = s.cost_usd + excluded.cost_usd,
    calls = s.calls + excluded.calls,
    unknown_calls = s.unknown_calls + excluded.unknown_calls;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.offered_handoffs(p_agent_id uuid, p_limit integer)
 RETURNS SETOF plane.handoffs
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select h.*
  from plane.agents as a
  cross join lateral (
    (
      select *
      from plane.handoffs as own
      where own.org_id = a.org_id and own.to_agent_id = a.id and own.status in ('pending', 'claimed') and plane.may_be_taken(own)
      order by own.created_at, own.id
      limit p_limit
    )
    union all
    (
      select *
      from (
        select *
        from plane.handoffs as open
        where open.org_id = a.org_id and open.to_agent_id is null and open.status in ('pending', 'claimed') and plane.may_be_taken(open)
        order by open.created_at, open.id
        limit 1000
      ) as open
      where plane.fits_handoff(a, open::plane.handoffs) and open.from_agent_id is distinct from a.id
      limit p_limit
    )
  ) as h
  where a.org_id = plane.caller_org() and a.id = p_agent_id and a.deleted_at is null
  limit p_limit;
$function$;

CREATE OR REPLACE FUNCTION plane.offered_types(p_schema jsonb, p_input jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return coalesce((
    select jsonb_object_agg(o.key, case when p_input is null then o.value -> 'type' else to_jsonb(jsonb_typeof(o.value)) end)
    from jsonb_each(case
      when jsonb_typeof(p_input) = 'object' then p_input
      when p_input is null and jsonb_typeof(p_schema -> 'properties') = 'object' then p_schema -> 'properties'
      else '{}' end) as o
  ), '{}');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.open_escalation(p jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org constant uuid := plane._require_org();
begin
  if p ->> 'execution_id' is not null then
    perform plane._require_execution((p ->> 'execution_id')::uuid);
  end if;
  return (plane._open_escalation(v_org, p - 'wait_token' || jsonb_build_object('created_by', plane.caller_actor()))).id;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.open_work(p_agent_id uuid)
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return (
    select count(*)
    from plane.executions as e
    where e.org_id = plane.caller_org() and e.agent_id = p_agent_id and e.status = 'running'
  ) + (
    select count(*)
    from plane.handoffs as h
    where h.org_id = plane.caller_org() and h.agent_id = p_agent_id and h.status in ('claimed', 'accepted')
  );
end;
$function$;

CREATE OR REPLACE FUNCTION plane.policy_json(p_policy plane.policies)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return to_jsonb(p_policy) - 'org_id';
end;
$function$;

CREATE OR REPLACE FUNCTION plane.publish_event(p_name text, p_payload jsonb, p_execution_id uuid DEFAULT NULL::uuid, p_idempotency_key text DEFAULT NULL::text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org constant uuid := plane._require_org();
  v_id  bigint;
begin
  perform plane._check_isolation();
  perform plane._refuse_own_event(p_name);
  perform plane._lock_topics(array[v_org || '/' || p_name]);
  insert into plane.events (org_id, execution_id, type, name, data, idempotency_key)
  values (v_org, p_execution_id, 'event', p_name, coalesce(p_payload, '{}'), p_execution_id || '/' || p_idempotency_key)
  on conflict (org_id, idempotency_key) where idempotency_key is not null do nothing
  returning feed_id into v_id;
  if v_id is null then
    select feed_id into v_id
    from plane.events
    where org_id = v_org and idempotency_key = p_execution_id || '/' || p_idempotency_key;
    return jsonb_build_object('id', v_id::text, 'matched', 0, 'due', '[]'::jsonb);
  end if;

  return jsonb_build_object('id', v_id::text) || plane._answer_event_waits(v_org, p_name, p_payload);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.quota_defaults()
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return '{
    "agents": 2000, "keys": 1000, "members": 1000, "workflows": 2000, "state_entries": null, "state_bytes": null, "memories": null,
    "executions_per_day": null, "concurrent_executions": null, "webhooks": 100, "hooks": 500, "event_triggers": 500, "schedules": 500,
    "budgets": 200, "rate_limits": 1000
  }'::jsonb || coalesce(nullif(current_setting('plane.quotas', true), ''), '{}')::jsonb;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.raise_lock_lost(payload jsonb, p_lock plane.locks)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_lock.token is null then
    perform plane.raise_error(404, 'lock_not_found',
      format('There is no lock %s/%s.', payload ->> 'component', payload ->> 'key'), 'Take it with POST /api/state/lock.');
  end if;
  perform plane.raise_error(409, 'lock_lost',
    format('The lock %s/%s is not held with the fencing token %s.', payload ->> 'component', payload ->> 'key',
      payload ->> 'fencing_token'),
    'Stop what you do under it, take the lock again, and read the state again.',
    jsonb_build_object('current_token', p_lock.token, 'holder', p_lock.holder));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.raise_name_taken(p_kind text, p_name text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.raise_error(409, 'name_taken', format('Another %s is called %s.', p_kind, p_name), 'Choose another name.');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.raise_no_escalation(p_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.raise_error(404, 'escalation_not_found', format('There is no escalation %s.', p_id), 'List those that are open.',
    jsonb_build_object('next', jsonb_build_array(
      jsonb_build_object('why', 'list the open ones, the urgent first', 'method', 'GET', 'path', '/api/escalations?status=open'))));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.real_array(p_list jsonb)
 RETURNS real[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if jsonb_typeof(p_list) is distinct from 'array' then
    return null;
  end if;
  return array(select number::real from jsonb_array_elements_text(p_list) with ordinality as e (number, place) order by place);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.receive_message(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_hook plane.hooks;
  v_id   uuid;
begin
  select * into v_hook from plane.hooks where id = (p ->> 'hook_id')::uuid and is_enabled for key share;
  if v_hook.id is null then
    return null;
  end if;
  insert into plane.trigger_messages (org_id, hook_id, message_id, headers, body)
  values (v_hook.org_id, v_hook.id, p ->> 'message_id', coalesce(p -> 'headers', '{}'), p -> 'body')
  on conflict (hook_id, message_id) do nothing
  returning id into v_id;
  if v_id is not null then
    return jsonb_build_object('id', v_id, 'is_new', true);
  end if;
  select id into v_id from plane.trigger_messages where hook_id = v_hook.id and message_id = p ->> 'message_id';
  return jsonb_build_object('id', v_id, 'is_new', false);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.record_audit(p_action text, p_resource text, p_resource_id text, p_details jsonb DEFAULT '{}'::jsonb, p_before jsonb DEFAULT NULL::jsonb, p_after jsonb DEFAULT NULL::jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_claims constant jsonb := plane.caller_claims();
  v_org    constant uuid := plane._require_org();
  v_label  constant text := coalesce(v_claims ->> 'email', v_claims ->> 'name');
  v_link   constant uuid := (v_claims ->> 'link_id')::uuid;
begin
  insert into plane.audit_entries
    (org_id, actor_kind, actor_id, action, resource, resource_id, details, before_hash, after_hash, on_behalf, labels, trace_id)
  values (
    v_org,
    case
      when v_link is not null then 'link'
      when v_claims ->> 'principal' in ('runner', 'person') then v_claims ->> 'principal'
      when v_claims ->> 'key_kind' = 'operator' then 'operator'
      else 'api_key'
    end,
    coalesce(v_link, plane.caller_person(), (v_claims ->> 'key_id')::uuid),
    p_action, p_resource, p_resource_id, coalesce(p_details, '{}'),
    plane._audit_hash(v_org, p_before), plane._audit_hash(v_org, p_after),
    case
      when v_link is not null then jsonb_build_object('kind', 'person', 'id', v_claims -> 'user_id')
      when v_claims ->> 'principal' = 'runner' then
        jsonb_build_object('id', v_claims -> 'starter_id', 'execution_id', v_claims -> 'execution_id')
    end,
    case
      when v_link is not null then jsonb_build_object('on_behalf', v_label)
      when v_label is not null then jsonb_build_object('actor', v_label)
    end,
    plane.caller_trace());
end;
$function$;

CREATE OR REPLACE FUNCTION plane.record_delivery(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_now       constant timestamptz := plane.clock();
  v_good      constant boolean := p ->> 'outcome' = 'delivered';
  v_retry     constant float8 := (p ->> 'retry_in_seconds')::float8;
  v_attempt   constant jsonb := jsonb_strip_nulls(jsonb_build_object('at', plane.time_text(v_now), 'status_code', p -> 'status_code',
    'duration_ms', p -> 'duration_ms', 'error', p -> 'error', 'response', p -> 'response'));
  v_webhook   plane.webhooks;
  v_delivery  plane.webhook_deliveries;
  v_disable   text;
begin
  perform plane._check_isolation();
  select w.* into v_webhook
  from plane.webhooks as w
  where w.id = (select d.webhook_id from plane.webhook_deliveries as d where d.id = (p ->> 'id')::uuid);
  if not v_good or v_webhook.failures > 0 then
    select * into v_webhook from plane.webhooks where id = v_webhook.id for no key update;
  end if;
  select * into v_delivery
  from plane.webhook_deliveries
  where id = (p ->> 'id')::uuid and claim_ref = (p ->> 'claim_ref')::uuid and status = 'pending'
  for no key update;
  if v_delivery.id is null then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  if p ->> 'outcome' = 'gone' then
    v_disable := 'gone';
  elsif not v_good and v_webhook.failures + 1 >= (p ->> 'disable_after_failures')::int
    and v_webhook.failing_since < v_now - (p ->> 'disable_after_days')::float8 * interval '1 day' then
    v_disable := 'failing';
  end if;
  update plane.webhook_deliveries
  set
    status = case
      when v_good then 'delivered'
      when v_retry is null or v_disable is not null or v_webhook.status = 'disabled' then 'dead'
      else 'pending' end,
    next_attempt_at = v_now + coalesce(v_retry, 0) * interval '1 second',
    claim_ref = null,
    history = plane._last_attempts(history || v_attempt),
    ended_at = case when v_good or v_retry is null or v_disable is not null or v_webhook.status = 'disabled' then v_now end
  where id = v_delivery.id
  returning * into v_delivery;

  if v_good and v_webhook.failures > 0 then
    update plane.webhooks set failures = 0, failing_since = null where id = v_webhook.id;
  elsif not v_good then
    update plane.webhooks set failures = failures + 1, failing_since = coalesce(failing_since, v_now) where id = v_webhook.id;
  end if;
  if v_disable is not null and v_webhook.status = 'enabled' then
    perform plane._disable_webhook(v_webhook, v_disable);
  end if;
  return jsonb_build_object('ok', true, 'status', v_delivery.status, 'disabled', v_disable);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.record_firings(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_missed   constant jsonb := nullif(p -> 'skipped', 'null');
  v_schedule plane.schedules;
  v_fire     jsonb;
  v_due      jsonb := '[]';
begin
  perform plane._check_isolation();
  select * into v_schedule
  from plane.schedules
  where id = (p ->> 'id')::uuid and claim_ref = (p ->> 'claim_ref')::uuid and status = 'active'
  for no key update;
  if v_schedule.id is null then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  if v_missed is not null then
    perform plane._skip_firing(v_schedule, 'missed', (v_missed ->> 'fire_at')::timestamptz,
      (v_missed ->> 'until')::timestamptz, (v_missed ->> 'count')::int);
  end if;
  for v_fire in select * from jsonb_array_elements(p -> 'fires') loop
    v_due := v_due || plane._fire_schedule(v_schedule, v_fire);
  end loop;
  update plane.schedules
  set
    status = case when p ->> 'due_at' is null then 'ended' else 'active' end,
    next_fire_at = (p ->> 'next_fire_at')::timestamptz,
    due_at = (p ->> 'due_at')::timestamptz,
    last_fire_at = coalesce((p -> 'fires' -> -1 ->> 'fire_at')::timestamptz, last_fire_at),
    claim_ref = null
  where id = v_schedule.id;
  return jsonb_build_object('ok', true, 'due', v_due);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.record_json(p_record plane.agent_records)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'succeeded', p_record.succeeded,
    'failed', p_record.failed,
    'success', round(plane.wilson(p_record.succeeded, p_record.failed)::numeric, 4),
    'p50_seconds', round(p_record.p50_ms / 1000.0, 3),
    'mean_cost_usd', p_record.mean_usd::text,
    'last_error', p_record.last_error,
    'updated_at', p_record.updated_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.record_plane_audit(p_org_id uuid, p_action text, p_resource text, p_resource_id text, p_details jsonb DEFAULT '{}'::jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into plane.audit_entries (org_id, actor_kind, action, resource, resource_id, details)
  values (p_org_id, 'plane', p_action, p_resource, p_resource_id, coalesce(p_details, '{}'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.refusal_of(p_escalation plane.escalations, p_person uuid, p_claims jsonb)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_scope constant text := case p_escalation.kind when 'question' then 'escalations:write' else 'approvals:decide' end;
begin
  if p_person is null
    and not (p_escalation.kind = 'question' and p_escalation.answerable_by = 'anyone')
    and not (p_escalation.kind in ('budget', 'unknown') and p_claims ->> 'key_kind' is not distinct from 'operator')
  then
    return 'people_only';
  elsif not coalesce(p_claims -> 'scopes' ? v_scope, false) then
    return 'missing_scope';
  elsif p_escalation.assign_to <> '[]' and (p_person is null or not plane.is_assigned(p_escalation.assign_to, p_claims)) then
    return 'assigned_to_another';
  elsif p_person = p_escalation.requester_id and plane.needs_another(p_escalation) then
    return 'requester_may_not_decide';
  elsif p_escalation.needs_aal2 and p_claims ->> 'aal' is distinct from 'aal2' then
    return 'aal2_required';
  end if;
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.refusal_to_answer(p_escalation plane.escalations)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return plane.refusal_of(p_escalation, plane.caller_person(), plane.caller_claims());
end;
$function$;

CREATE OR REPLACE FUNCTION plane.refuse_handoff_loop(p_parent_id uuid, p_from uuid, p_to uuid, p_hops integer)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_most constant int := 10;
  v_way  jsonb;
begin
  if p_parent_id is null then
    return;
  elsif p_hops > v_most then
    perform plane.raise_error(409, 'handoff_too_long', format('The work was handed on %s times already.', v_most),
      'Do it, complete the hand-off with what you have, or ask a person.', jsonb_build_object('max_hops', v_most));
  end if;
  with recursive above as (
    select h.* from plane.handoffs as h where h.id = p_parent_id and h.org_id = plane.caller_org()
    union all
    select h.* from plane.handoffs as h join above on h.id = above.parent_id and h.org_id = above.org_id
  )
  select jsonb_agg(jsonb_build_object('id', id, 'from_agent_id', from_agent_id, 'to_agent_id', coalesce(to_agent_id, agent_id)) order by hops)
  into v_way
  from above;
  if exists (
    select from jsonb_array_elements(v_way) as way
    where (way ->> 'from_agent_id')::uuid = p_from and (way ->> 'to_agent_id')::uuid = p_to)
  then
    perform plane.raise_error(409, 'handoff_loop',
      format('The work went from %s to %s before in this chain: it goes round in circles.',
        (select name from plane.agents where id = p_from), (select name from plane.agents where id = p_to)),
      'Do it, hand it to an agent that has not had it, complete it with what you have, or ask a person.',
      jsonb_build_object('chain', v_way));
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.refuse_handoff_state(p_handoff plane.handoffs, p_wanted text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_more constant jsonb := jsonb_strip_nulls(jsonb_build_object('status', p_handoff.status, 'agent_id', p_handoff.agent_id,
    'lease_until', plane.time_text(p_handoff.lease_until)));
begin
  if p_handoff.status in ('claimed', 'accepted') then
    perform plane.raise_error(409, 'handoff_taken',
      format('The hand-off is %s already%s, so it cannot be %s.', p_handoff.status,
        coalesce(' until ' || plane.time_text(p_handoff.lease_until), ''), p_wanted),
      'Take another one; a claim that is not extended gives it back. The same Idempotency-Key gives the first answer again.', v_more);
  elsif p_handoff.status = 'pending' then
    perform plane.raise_error(409, 'handoff_not_taken', format('The hand-off is pending: nobody has taken it, so it cannot be %s.', p_wanted),
      'Claim it, or send {"status": "accepted"} first.', v_more || jsonb_build_object('next', jsonb_build_array(jsonb_build_object(
        'why', 'claim it', 'method', 'POST', 'path', format('/api/handoffs/%s/claim', p_handoff.id)))));
  end if;
  perform plane.raise_error(409, 'handoff_ended', format('The hand-off is %s, so it cannot be %s.', p_handoff.status, p_wanted),
    'Read it to see how it ended; hand the work over anew if it is still to be done.', v_more);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.release_escalation(p jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
begin
  perform plane._require_open(v_escalation);
  if v_escalation.status = 'open' then
    return;
  elsif v_escalation.claimed_by ->> 'id' is distinct from plane.caller_id()::text and not plane.manages_members() then
    perform plane.raise_error(403, 'not_yours', 'Only who has taken it, an owner or an admin may give it back.',
      'Answer it all the same.', jsonb_build_object('claimed_by', v_escalation.claimed_by));
  end if;
  update plane.escalations set status = 'open', claimed_by = null where id = v_escalation.id;
  perform plane._note_escalation(v_escalation, 'escalation.released', '{}');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_addressee(p_handoff plane.handoffs, p_agent_id uuid)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_agent plane.agents;
begin
  perform plane.require_agent(p_agent_id, '/agent_id');
  if p_agent_id is null then
    if p_handoff.match is not null then
      perform plane.raise_error(422, 'invalid_input', 'The hand-off is for an agent that fits: say which one acts.', 'Send agent_id.',
        '{"errors": [{"pointer": "/agent_id", "code": "missing", "message": "agent_id is missing"}]}');
    end if;
    return p_handoff.to_agent_id;
  end if;
  select * into v_agent from plane.agents where id = p_agent_id and org_id = plane.caller_org();
  if not plane.fits_handoff(v_agent, p_handoff) then
    perform plane.raise_error(403, 'not_addressee',
      case when p_handoff.match is null then format('The hand-off is for another agent than %s.', v_agent.name)
        else format('%s lacks a skill or a tag that the hand-off asks for.', v_agent.name) end,
      'Read to_agent_id and match of the hand-off; ask for what is offered with GET /api/handoffs?offered_to=<agent id>.',
      jsonb_build_object('to_agent_id', p_handoff.to_agent_id, 'match', p_handoff.match));
  end if;
  perform plane.note_agent(p_agent_id);
  return p_agent_id;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_claim(p_handoff plane.handoffs, p_token text, p_wanted text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_handoff.status <> 'claimed' then
    if p_token is not null and p_handoff.status in ('pending', 'accepted') then
      perform plane.raise_error(409, 'claim_lost', format('This claim has run out: the hand-off is %s now.', p_handoff.status),
        'Drop what you did, or claim it again.', jsonb_build_object('status', p_handoff.status));
    end if;
    perform plane.refuse_handoff_state(p_handoff, p_wanted);
  elsif p_token is null then
    perform plane.raise_error(422, 'invalid_input', 'The hand-off is claimed: only the claim''s token lets it move.', 'Send the token that claiming it gave.',
      '{"errors": [{"pointer": "/token", "code": "missing", "message": "token is missing"}]}');
  elsif sha256(convert_to(p_token, 'UTF8')) is distinct from p_handoff.token_hash then
    perform plane.raise_error(409, 'claim_lost', 'This is not the token of the present claim: it is another''s, or the lease ran out and another took the work.',
      'Drop what you did; read the hand-off to see who has it.', jsonb_build_object('status', p_handoff.status, 'agent_id', p_handoff.agent_id));
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_hook(p_id uuid)
 RETURNS plane.hooks
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_hook plane.hooks;
begin
  select * into v_hook from plane.hooks where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'hook_not_found', format('There is no hook %s.', p_id), 'List the hooks.',
      '{"next": [{"why": "list the hooks", "method": "GET", "path": "/api/hooks"}]}');
  end if;
  return v_hook;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_live_agent(p_agent_id uuid, p_pointer text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.require_agent(p_agent_id, p_pointer);
  if exists (select from plane.agents where id = p_agent_id and org_id = plane.caller_org() and deleted_at is not null) then
    perform plane.raise_error(422, 'unknown_agent', format('the agent %s was deleted', p_agent_id), 'Find one that lives: GET /api/agents.',
      jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
        'pointer', p_pointer, 'code', 'unknown_agent', 'message', format('the agent %s was deleted', p_agent_id)))));
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_lock(payload jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_token constant bigint := (payload ->> 'fencing_token')::bigint;
  v_lock  plane.locks;
begin
  if v_token is null then
    return;
  end if;
  -- Held for the rest of the transaction: nobody may take the lock between this look and the write.
  select * into v_lock
  from plane.locks
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
  for share;
  if v_lock.token is distinct from v_token then
    perform plane.raise_lock_lost(payload, v_lock);
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_may_appoint(VARIADIC p_roles text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if 'owner' <> all (p_roles) then
    return;
  end if;
  perform from plane.members
  where org_id = plane.caller_org() and role = 'owner' and removed_at is null
  order by user_id
  for no key update;
  if plane.caller_claims() ->> 'role' = 'owner' or (not found and plane.caller_claims() ->> 'key_kind' = 'operator') then
    return;
  end if;
  perform plane.raise_error(403, 'owners_only', 'Only an owner makes or unmakes owners.', 'Ask an owner of the organisation.');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_other_manager(p_key plane.api_keys)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if 'keys:manage' = any (p_key.scopes) and p_key.revoked_at is null and not exists (
    select
    from plane.api_keys
    where org_id = p_key.org_id and id <> p_key.id and 'keys:manage' = any (scopes) and revoked_at is null and expires_at is null
  ) then
    perform plane.raise_error(409, 'last_operator_key', 'This is the last lasting key that can manage keys.',
      'Make another operator key first.');
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_other_owner(p_user_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if not exists (
    select from plane.members
    where org_id = plane.caller_org() and role = 'owner' and removed_at is null and user_id <> p_user_id)
  then
    perform plane.raise_error(409, 'last_owner', 'This is the only owner of the organisation.', 'Make somebody else an owner first.');
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_person(p_scope text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if plane.caller_person() is null then
    perform plane.raise_error(403, 'people_only', 'Only a person who is signed in may do this; a key may not.',
      'Sign in (agentplane login, or the sign-in page) and send the access token.');
  elsif not plane.caller_has_scope(p_scope) then
    perform plane.raise_error(403, 'missing_scope', format('This needs the scope %s, which your role does not have.', p_scope),
      'Ask an owner or an admin of the organisation.', jsonb_build_object('scope', p_scope));
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_scopes_of(p_scopes text[], p_pointer text DEFAULT '/scopes'::text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_lacks constant text[] := array(select s from unnest(p_scopes) as s where not plane.caller_has_scope(s));
begin
  if v_lacks <> '{}' then
    perform plane.raise_error(403, 'scope_not_held',
      format('You lack %s, so you cannot give it.', array_to_string(v_lacks, ', ')),
      'Leave these scopes out, or ask somebody who has them.',
      jsonb_build_object('scope', v_lacks[1]) || case when p_pointer is null then '{}' else jsonb_build_object('errors', (
        select jsonb_agg(jsonb_build_object('pointer', p_pointer || '/' || (array_position(p_scopes, s) - 1), 'code', 'scope_not_held',
          'message', format('You lack the scope %s.', s)))
        from unnest(v_lacks) as s)) end);
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_taker(p_handoff plane.handoffs, p_agent_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform plane.require_agent(p_agent_id, '/agent_id');
  if p_agent_id <> p_handoff.agent_id and p_handoff.status in ('claimed', 'accepted') then
    perform plane.raise_error(403, 'not_addressee',
      format('%s has this hand-off.', (select name from plane.agents where id = p_handoff.agent_id)),
      'Only the agent that took it may say what came of it.', jsonb_build_object('agent_id', p_handoff.agent_id));
  end if;
  perform plane.note_agent(p_agent_id);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_user()
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_user constant uuid := plane.caller_person();
begin
  if v_user is null then
    perform plane.raise_error(401, 'unauthenticated', 'Only a person who has signed in may do this.',
      'Sign in and send Authorization: Bearer <access token>.');
  end if;
  return v_user;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.require_workflow(p_workflow_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_workflow_id is null
    or exists (select from plane.workflows where id = p_workflow_id and org_id = plane.caller_org())
    or exists (select from plane.workflow_versions where id = p_workflow_id and org_id = plane.caller_org())
  then
    return;
  end if;
  perform plane.raise_error(422, 'unknown_workflow', format('there is no workflow %s', p_workflow_id),
    'Leave workflow_id out, or list workflows with GET /api/workflows.',
    jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
      'pointer', '/workflow_id', 'code', 'unknown_workflow', 'message', format('there is no workflow %s', p_workflow_id)))));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.resolve_escalation(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org        constant uuid := plane._require_org();
  v_id         constant uuid := (p ->> 'id')::uuid;
  v_payload    constant jsonb := p - 'id';
  v_escalation plane.escalations;
  v_execution  plane.executions;
  v_wait       plane.waits;
  v_answer     jsonb;
begin
  perform plane._check_isolation();
  select * into v_escalation from plane.escalations where id = v_id and org_id = v_org;
  if not found then
    perform plane.raise_no_escalation(v_id);
  end if;
  -- Who may not answer learns that first, whatever became of it.
  perform plane._require_may_answer(v_escalation);
  perform plane._require_open(v_escalation);
  if v_escalation.wait_token is null and v_escalation.kind <> 'budget' then
    return plane._resolve_question(v_id, v_payload);
  end if;

  if v_escalation.kind = 'budget' then
    select * into v_execution from plane.executions where id = v_escalation.execution_id;
    if plane._has_open_budget(v_execution.id) then
      v_answer := plane._decide_budget(v_execution, v_payload);
    end if;
  else
    select * into v_wait from plane.waits where execution_id = v_escalation.execution_id and token = v_escalation.wait_token;
    v_answer := plane._signal_wait(v_wait, v_payload);
  end if;
  if v_answer is null then -- somebody else was first
    select * into v_escalation from plane.escalations where id = v_id;
    perform plane._require_open(v_escalation);
  end if;
  return v_answer;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.retry_execution(p_execution_id uuid, p_keep text[])
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution plane.executions := plane._require_execution(p_execution_id);
  v_frame     plane.frames;
begin
  perform plane._check_isolation();
  -- The execution's row stands for its frames: they may be deleted already.
  select * into v_execution from plane.executions where id = p_execution_id for no key update;
  perform plane._require_retryable(v_execution);

  insert into plane.checkpoints (
    execution_id, gen, path, org_id, frame, parent, kind, status, output, output_ref, error, attempts, ended_at, duration_ms, model,
    provider, input_tokens, output_tokens, cost_usd, is_cost_unknown, is_carried, details, seq)
  select
    execution_id, gen + 1, path, org_id, '', parent, kind, status, output, output_ref, error, attempts, ended_at, duration_ms, model,
    provider, input_tokens, output_tokens, cost_usd, is_cost_unknown, true, details, seq
  from plane.checkpoints
  where execution_id = p_execution_id and gen = v_execution.gen and status = 'succeeded' and (p_keep is null or path = any (p_keep));

  v_frame := plane._restart_frame(v_execution);
  update plane.executions
  set gen = gen + 1, status = 'running', output = null, error = null, ended_at = null, cost_usd = null, known_cost_usd = null,
    cancel_requested_at = null, deadline_at = v_frame.deadline_at
  where id = p_execution_id;
  perform plane._record_event(v_execution.org_id, p_execution_id, 'execution.retried', null,
    jsonb_build_object('gen', v_execution.gen + 1, 'by', plane.caller_id()));
  return jsonb_build_object(
    'execution_id', p_execution_id, 'gen', v_execution.gen + 1, 'status', 'running', 'due', jsonb_build_array(plane._doorbell(v_frame)));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.role_scopes(p_role text)
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_viewer   constant text[] := '{agents:read, state:read, memory:read, workflows:read, executions:read, handoffs:read,
    escalations:read, webhooks:read, triggers:read, templates:read, observe:read}';
  v_approver constant text[] := v_viewer || '{escalations:write, approvals:decide}';
  v_operator constant text[] := v_approver || '{agents:write, state:write, memory:write, workflows:write, executions:write,
    handoffs:write, webhooks:write, triggers:write, templates:write, observe:write, interpret:run, secrets:use}';
  v_admin    constant text[] := v_operator || '{keys:manage, limits:manage, secrets:manage, policies:manage, members:manage,
    audit:read}';
begin
  return case p_role
    when 'viewer' then v_viewer
    when 'approver' then v_approver
    when 'operator' then v_operator
    when 'admin' then v_admin
    when 'owner' then v_admin || '{data:manage}'
    else '{}'
  end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.schedule_json(p_schedule plane.schedules)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_schedule.id,
    'name', p_schedule.name,
    'workflow', p_schedule.workflow,
    'version', p_schedule.version,
    'input', p_schedule.input,
    'cron', p_schedule.cron,
    'timezone', p_schedule.timezone,
    'catch_up', p_schedule.catch_up,
    'max_catch_up', p_schedule.max_catch_up,
    'overlap', p_schedule.overlap,
    'jitter_seconds', p_schedule.jitter_seconds,
    'starts_at', p_schedule.starts_at,
    'ends_at', p_schedule.ends_at,
    'status', p_schedule.status,
    'next_fire_at', p_schedule.next_fire_at,
    'last_fire_at', p_schedule.last_fire_at,
    'created_by', p_schedule.created_by,
    'created_at', p_schedule.created_at,
    'updated_at', p_schedule.updated_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.schema_fit(p_capabilities jsonb, p_offered jsonb)
 RETURNS double precision
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_best    double precision;
  v_schema  jsonb;
  v_fields  jsonb;
  v_wanted  text;
  v_met     int;
  v_all     int;
begin
  for v_schema in select coalesce(c -> 'input_schema', c -> 'inputSchema') from jsonb_array_elements(p_capabilities) as c loop
    continue when jsonb_typeof(v_schema) is distinct from 'object';
    v_fields := case jsonb_typeof(v_schema -> 'properties') when 'object' then v_schema -> 'properties' else '{}' end;
    v_met := 0;
    v_all := 0;
    for v_wanted in
      select jsonb_array_elements_text(case
        when jsonb_typeof(v_schema -> 'required') = 'array' and v_schema -> 'required' <> '[]' then v_schema -> 'required'
        else to_jsonb(array(select jsonb_object_keys(v_fields))) end)
    loop
      v_all := v_all + 1;
      if p_offered ? v_wanted and plane.type_fits(v_fields -> v_wanted -> 'type', p_offered -> v_wanted) then
        v_met := v_met + 1;
      end if;
    end loop;
    if v_schema -> 'additionalProperties' = 'false' then
      v_all := v_all + (select count(*) from jsonb_object_keys(p_offered) as o where not v_fields ? o);
    end if;
    v_best := greatest(v_best, case when v_all = 0 then 1.0 else v_met / v_all::double precision end);
  end loop;
  return coalesce(v_best, 0.5);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.seal_audit(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 500);
  v_org     uuid;
  v_entry   plane.audit_entries;
  v_seq     bigint;
  v_hash    text;
  v_text    text;
  v_from    bigint;
  v_sealed  int := 0;
  v_is_more boolean := false;
begin
  for v_org in
    with recursive orgs as (
      (select org_id from plane.audit_entries where seq is null order by org_id limit 1)
      union all
      select (select e.org_id from plane.audit_entries as e where e.seq is null and e.org_id > orgs.org_id order by e.org_id limit 1)
      from orgs
      where orgs.org_id is not null
    )
    select org_id from orgs where org_id is not null limit 200
  loop
    -- Asked first, because even an insert that does nothing waits for whoever is changing the row.
    if not exists (select from plane.audit_heads where org_id = v_org) then
      insert into plane.audit_heads (org_id) values (v_org) on conflict do nothing;
    end if;
    select seq, hash into v_seq, v_hash from plane.audit_heads where org_id = v_org for update skip locked;
    continue when not found;

    v_from := v_seq;
    for v_entry in
      select * from plane.audit_entries where org_id = v_org and seq is null order by id limit v_limit
    loop
      v_seq := v_seq + 1;
      v_text := plane.seal_text(v_entry, v_seq, v_hash)::text;
      v_hash := encode(sha256(convert_to(v_text, 'UTF8')), 'hex');
      insert into plane.audit_seals (org_id, seq, entry_id, text, hash) values (v_org, v_seq, v_entry.id, v_text, v_hash);
      update plane.audit_entries set seq = v_seq where org_id = v_org and id = v_entry.id;
    end loop;
    update plane.audit_heads set seq = v_seq, hash = v_hash where org_id = v_org and seq <> v_seq;
    v_sealed := v_sealed + (v_seq - v_from);
    v_is_more := v_is_more or v_seq - v_from = v_limit;
  end loop;
  return jsonb_build_object('sealed', v_sealed, 'more', v_is_more);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.seal_problem(p_seal plane.audit_seals, p_entry plane.audit_entries, p_seq bigint, p_prev text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_text jsonb;
  v_now  jsonb;
begin
  if p_seal.seq <> p_seq then
    return plane.audit_problem('removed', p_seq, null, format('There is no entry %s; the next one is %s.', p_seq, p_seal.seq));
  elsif encode(sha256(convert_to(p_seal.text, 'UTF8')), 'hex') <> p_seal.hash then
    return plane.audit_problem('changed', p_seq, p_seal.entry_id, format('What was sealed for entry %s does not have its hash.', p_seq));
  end if;

  v_text := p_seal.text::jsonb;
  if (v_text ->> 'seq')::bigint is distinct from p_seq then
    return plane.audit_problem('reordered', p_seq, p_seal.entry_id,
      format('What stands at %s was sealed at %s.', p_seq, v_text ->> 'seq'));
  elsif v_text ->> 'prev' is distinct from p_prev then
    return plane.audit_problem('changed', greatest(p_seq - 1, 1), null,
      format('Entry %s was sealed after another entry than the one that stands before it now.', p_seq));
  elsif p_entry.id is null then
    return plane.audit_problem('removed', p_seq, p_seal.entry_id, format('Entry %s is gone; its seal is still there.', p_seq));
  elsif p_entry.seq is distinct from p_seq then
    return plane.audit_problem('reordered', p_seq, p_entry.id, format('Entry %s says that it is entry %s.', p_seq, p_entry.seq));
  end if;

  v_now := plane.seal_text(p_entry, p_seq, p_prev);
  if v_now - 'more' <> v_text - 'more' then
    return plane.audit_problem('changed', p_seq, p_entry.id, format('Entry %s is not what was sealed: %s differ.', p_seq, (
      select string_agg(t.key, ', ' order by t.key) from jsonb_each(v_now - 'more') as t where t.value is distinct from v_text -> t.key)));
  elsif p_entry.erased_in is null and v_now -> 'more' is distinct from v_text -> 'more' then
    return plane.audit_problem('changed', p_seq, p_entry.id,
      format('Entry %s is not what was sealed: details or labels differ.', p_seq));
  elsif p_entry.erased_in is not null and not exists (
    select from plane.audit_entries as e
    where e.org_id = p_entry.org_id and e.id = p_entry.erased_in and e.action = 'erase_person'
  ) then
    return plane.audit_problem('changed', p_seq, p_entry.id,
      format('The details of entry %s were erased, and no erasure says so.', p_seq));
  end if;
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.seal_text(p_entry plane.audit_entries, p_seq bigint, p_prev text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'v', 1,
    'org', p_entry.org_id,
    'seq', p_seq,
    'prev', p_prev,
    'id', p_entry.id,
    'at', plane.time_text(p_entry.at),
    'actor', jsonb_build_array(p_entry.actor_kind, p_entry.actor_id),
    'on_behalf', p_entry.on_behalf,
    'action', p_entry.action,
    'resource', jsonb_build_array(p_entry.resource, p_entry.resource_id),
    'before', p_entry.before_hash,
    'after', p_entry.after_hash,
    'trace', p_entry.trace_id,
    'more', encode(sha256(convert_to(p_entry.nonce::text || p_entry.details::text || coalesce(p_entry.labels::text, ''), 'UTF8')), 'hex'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.search_memories(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_pool     constant int := 100;         -- how many of each kind are ranked
  v_org      constant uuid := plane._require_org();
  v_words    constant tsquery := plane._any_word(p ->> 'query');
  v_vector   constant text := plane._vector_of(p -> 'embedding');
  v_filter   constant jsonb := coalesce(nullif(p -> 'filter', 'null'), '{}');
  v_answer   jsonb;
  v_by_rank  jsonb;
begin
  if v_vector is not null then
    v_by_rank := plane._nearest_memories(v_org, p, v_vector, c_pool);
  end if;
  with by_word as (
    select m.id, row_number() over (order by ts_rank_cd(m.words, v_words, 1) desc, m.updated_at desc, m.id) as place
    from plane.memories as m
    where m.org_id = v_org and m.namespace = p ->> 'namespace' and m.words @@ v_words
      and m.metadata @> v_filter and (m.expires_at is null or m.expires_at > plane.clock())
    order by place
    limit c_pool
  ), newest as (
    select m.id, row_number() over (order by m.created_at desc, m.id desc) as place
    from plane.memories as m
    where coalesce(btrim(p ->> 'query'), '') = '' and m.org_id = v_org and m.namespace = p ->> 'namespace'
      and m.metadata @> v_filter and (m.expires_at is null or m.expires_at > plane.clock())
    order by m.created_at desc, m.id desc
    limit (p ->> 'limit')::int
  ), by_meaning as (
    select (n ->> 'id')::uuid as id, (n ->> 'place')::bigint as place, (n ->> 'similarity')::numeric as similarity
    from jsonb_array_elements(coalesce(v_by_rank, '[]')) as n
  ), fused as (
    select
      id, w.place as text_place, v.place as vector_place, v.similarity,
      coalesce(1.0 / (60 + w.place), 0) + coalesce(1.0 / (60 + v.place), 0) + coalesce(1.0 / (60 + n.place), 0) as score
    from by_word as w
    full join by_meaning as v using (id)
    full join newest as n using (id)
    order by score desc, id
    limit (p ->> 'limit')::int
  )
  select jsonb_agg(
    plane.memory_json(m) || jsonb_build_object(
      'score', round(f.score, 6), 'ranks', jsonb_build_object('text', f.text_place, 'vector', f.vector_place),
      'similarity', f.similarity)
    order by f.score desc, f.id) into v_answer
  from fused as f
  join plane.memories as m using (id);

  return jsonb_build_object(
    'data', coalesce(v_answer, '[]'),
    'vector', case when v_vector is not null then 'searched' when p -> 'embedding' is null then 'no_embedding' else 'no_pgvector' end);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.secret_json(p_secret plane.secrets)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'name', p_secret.name,
    'version', p_secret.version,
    'created_at', p_secret.created_at,
    'updated_at', p_secret.updated_at,
    'last_used_at', p_secret.last_used_at,
    'updated_by', p_secret.updated_by,
    'master_key', p_secret.sealed ->> 'key');
end;
$function$;

CREATE OR REPLACE FUNCTION plane.settle_handoff(p_id uuid)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_handoff plane.handoffs;
begin
  perform plane._require_org();
  v_handoff := plane.find_handoff(p_id);
  return plane._settle_handoff(v_handoff);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.shingles(p_word text)
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return array(select distinct substr(' ' || p_word || ' ', i, 3) from generate_series(1, char_length(p_word)) as i);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.signal_execution(p_execution_id uuid, p_name text, p_payload jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_execution constant plane.executions := plane._require_execution(p_execution_id);
  v_wait      plane.waits;
  v_answer    jsonb;
begin
  perform plane._check_isolation();
  perform plane._refuse_own_event(p_name);
  if v_execution.status <> 'running' then
    perform plane.raise_error(410, 'execution_ended', format('The execution has ended: %s.', v_execution.status),
      'Start or retry one.');
  end if;
  if p_name = 'budget' and plane._has_open_budget(p_execution_id) then
    return plane._decide_budget(v_execution, p_payload);
  end if;

  perform plane._lock_topics(array[p_execution_id || '/' || p_name]);
  loop
    select * into v_wait
    from plane.waits as w
    where w.execution_id = p_execution_id and w.name = p_name and w.answered_at is null
      and (w.kind in ('approval', 'unknown') or (w.kind = 'event' and plane._has_equal(p_payload, w.match)))
    order by w.opened_at, w.token
    limit 1;
    exit when not found;
    v_answer := plane._signal_wait(v_wait, p_payload);
    -- Null: somebody else closed it meanwhile; then the next one is meant.
    if v_answer is not null then
      return v_answer;
    end if;
  end loop;
  return plane._queue_signal(v_execution, p_name, p_payload);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.similar_terms(p_kind text, p_term text)
 RETURNS TABLE(term text, likeness real)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org   constant uuid := plane.caller_org();
  v_first constant text := left(p_term, 1);
  v_own   constant text[] := plane.shingles(p_term);
begin
  return query
  with recursive known (word, place) as (
    (select t.term, 1
    from plane.agent_terms as t
    where t.org_id = v_org and t.kind = p_kind and t.term >= v_first collate "C"
    order by t.term limit 1)
    union all
    select (
      select t.term
      from plane.agent_terms as t
      where t.org_id = v_org and t.kind = p_kind and t.term > k.word
      order by t.term limit 1), k.place + 1
    from known as k
    where k.word is not null and left(k.word, 1) = v_first and k.place < 2000
  )
  select k.word, round(2.0 * alike.common / (alike.own + cardinality(v_own)), 4)::real
  from known as k
  cross join lateral (
    select count(*) filter (where s = any (v_own)) as common, count(*) as own from unnest(plane.shingles(k.word)) as s
  ) as alike
  where k.word is not null and abs(char_length(k.word) - char_length(p_term)) <= 3 + char_length(p_term) / 4
    and 2.0 * alike.common >= 0.5 * (alike.own + cardinality(v_own))
  order by 2 desc, 1
  limit 5;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.slug(p_text text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return left(btrim(regexp_replace(lower(p_text), '[^[:alnum:]]+', '-', 'g'), '-'), 100);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.start_execution(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org     constant uuid := plane._require_org();
  v_version plane.workflow_versions;
  v_frame   plane.frames;
  v_id      constant uuid := gen_random_uuid();
begin
  select * into v_version from plane.workflow_versions where id = (p ->> 'version_id')::uuid and org_id = v_org;
  if not found then
    perform plane.raise_error(404, 'version_not_found', format('There is no version %s.', p ->> 'version_id'));
  end if;
  if v_version.document is null and coalesce(p ->> 'mode', 'engine') = 'engine' then
    perform plane.raise_error(422, 'not_runnable', 'A markdown runbook is not run by the engine.',
      'Start it with mode external and report its progress.');
  end if;

  perform plane._refuse_over_budget(v_org, v_version.workflow_id, (p ->> 'agent_id')::uuid);
  v_frame := plane._create_execution(v_version, p || jsonb_build_object('id', v_id, 'created_by', plane.caller_id()));
  perform plane.check_quota('executions_per_day');
  perform plane.check_quota('concurrent_executions');
  return jsonb_build_object(
    'execution_id', v_id,
    'status', 'running',
    'due', case when v_frame.execution_id is null then '[]' else jsonb_build_array(plane._doorbell(v_frame)) end);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.start_queued(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_schedule plane.schedules;
  v_queued   plane.schedule_firings;
  v_due      jsonb := '[]';
begin
  perform plane._check_isolation();
  for v_schedule in
    select s.*
    from plane.schedules as s
    where s.id in (select f.schedule_id from plane.schedule_firings as f where f.outcome = 'queued')
      and not exists (
        select from plane.schedule_firings as f
        join plane.executions as e on e.id = f.execution_id
        where f.schedule_id = s.id and f.is_open and e.status = 'running')
    limit coalesce((p ->> 'limit')::int, 20)
    for no key update of s skip locked
  loop
    if plane._running_firings(v_schedule.id) <> '{}' then
      continue; -- somebody has just started one
    end if;
    select * into v_queued
    from plane.schedule_firings
    where schedule_id = v_schedule.id and outcome = 'queued'
    order by fire_at
    limit 1;
    if v_queued.id is not null then
      v_due := v_due || plane._start_scheduled(v_schedule, v_queued.fire_at, v_queued.version_id, v_queued.input);
    end if;
  end loop;
  return jsonb_build_object('due', v_due);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.state_versions(payload jsonb)
 RETURNS TABLE(component text, key text, value jsonb, version bigint, agent_id uuid, created_at timestamp with time zone, updated_at timestamp with time zone, ended_at timestamp with time zone, ended_by text)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select s.component, s.key, s.value, s.version, s.agent_id, s.created_at, s.updated_at,
    case when s.expires_at <= plane.clock() then s.expires_at end,
    case when s.expires_at <= plane.clock() then 'expired' end
  from plane.state as s
  where s.org_id = (select plane.caller_org()) and s.component = payload ->> 'component' and s.key = payload ->> 'key'
  union all
  select h.component, h.key, h.value, h.version, h.agent_id, h.created_at, h.updated_at, h.ended_at, h.ended_by
  from plane.state_history as h
  where h.org_id = (select plane.caller_org()) and h.component = payload ->> 'component' and h.key = payload ->> 'key';
$function$;

CREATE OR REPLACE FUNCTION plane.stems(p_text text)
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_text  constant text := regexp_replace(left(p_text, 50000), '([[:lower:][:digit:]])([[:upper:]])', '\1 \2', 'g');
  v_stems constant text[] := tsvector_to_array(to_tsvector('pg_catalog.english', v_text));
begin
  return case when cardinality(v_stems) > 0 then v_stems else tsvector_to_array(to_tsvector('pg_catalog.simple', v_text)) end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.step_duration(p_step plane.checkpoints)
 RETURNS numeric
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_step.duration_ms > 0 then
    return p_step.duration_ms;
  elsif p_step.details ? 'started_at' then
    return greatest(0, round(1000 * extract(epoch from
      coalesce((p_step.details ->> 'ended_at')::timestamptz, p_step.ended_at) - (p_step.details ->> 'started_at')::timestamptz), 3));
  elsif p_step.kind in ('approval', 'wait', 'workflow', 'handoff', 'agent') then
    return coalesce((
      select round(1000 * extract(epoch from p_step.ended_at - min(w.opened_at)), 3)
      from plane.waits as w
      where w.execution_id = p_step.execution_id and w.gen = p_step.gen and w.path = p_step.path
    ), 0);
  elsif p_step.kind in ('group', 'item', 'round', 'for_each', 'loop') then
    return null;
  end if;
  return 0;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.take_handoff(p_handoff plane.handoffs, p_agent_id uuid, p_lease_seconds numeric)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_token   constant text := 'hoc_' || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
  v_handoff plane.handoffs;
begin
  if p_handoff.to_agent_id is null then
    perform plane.refuse_handoff_loop(p_handoff.parent_id, p_handoff.from_agent_id, p_agent_id, p_handoff.hops);
  end if;
  update plane.handoffs
  set
    status = 'claimed',
    agent_id = p_agent_id,
    taken_by = plane.caller_actor(),
    token_hash = sha256(convert_to(v_token, 'UTF8')),
    fence = nextval('plane.fencing_token'),
    lease_until = plane.clock() + p_lease_seconds * interval '1 second',
    attempts = attempts + 1,
    updated_at = plane.clock(),
    accepted_at = plane.clock()
  where id = p_handoff.id
  returning * into v_handoff;
  perform plane.note_handoff(v_handoff, 'claim_handoff', 'claimed', jsonb_build_object('lease_until', plane.time_text(v_handoff.lease_until)));
  return plane.handoff_json(v_handoff) || jsonb_build_object('token', v_token);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.template_json(p_template plane.templates, p_whole boolean)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'name', p_template.name,
    'version', p_template.version,
    'title', p_template.title,
    'description', p_template.description,
    'tags', to_jsonb(p_template.tags),
    'is_builtin', false,
    'lineage', p_template.lineage,
    'published_by', p_template.published_by,
    'created_at', p_template.created_at)
    || case when p_whole then jsonb_build_object('definition', p_template.definition) else '{}' end;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.template_standing(p_name text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_ratings int;
  v_stars   int;
  v_uses    int;
begin
  select count(*), coalesce(sum(stars), 0) into v_ratings, v_stars
  from plane.template_ratings
  where org_id = plane.caller_org() and template = p_name;
  select count(*) into v_uses
  from plane.template_uses
  where org_id = plane.caller_org() and template = p_name;
  return jsonb_build_object(
    'rating', round(v_stars::numeric / nullif(v_ratings, 0), 2),
    'ratings', v_ratings,
    'uses', v_uses,
    'score', round((v_stars + 10.5) / (v_ratings + 3) + 0.1 * log(2, 1 + v_uses), 4));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.time_out_escalation(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_found  plane.escalations;
  v_closed plane.escalations;
begin
  perform plane._check_isolation();
  select * into v_found
  from plane.escalations
  where deadline <= plane.clock() and status in ('open', 'claimed') and wait_token is null and kind <> 'budget'
  order by deadline
  limit 1;
  if not found then
    return jsonb_build_object('id', null, 'due', '[]'::jsonb);
  end if;

  perform plane._lock_topics(array[v_found.org_id || '/escalation.resolved']);
  v_closed := plane._close_escalation(v_found.id, 'timed_out', v_found.on_timeout);
  if v_closed.id is null then -- answered meanwhile
    return jsonb_build_object('id', v_found.id, 'due', '[]'::jsonb);
  end if;
  return jsonb_build_object('id', v_found.id)
    || plane._answer_event_waits(v_closed.org_id, 'escalation.resolved', plane._decision_of(v_closed));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.trigger_json(p_trigger plane.event_triggers)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_trigger.id,
    'name', p_trigger.name,
    'event', p_trigger.event,
    'match', p_trigger.match,
    'target', p_trigger.target,
    'enabled', p_trigger.is_enabled,
    'created_by', p_trigger.created_by,
    'created_at', p_trigger.created_at,
    'updated_at', p_trigger.updated_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.try_hold_handoff(p_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org     constant uuid := plane._require_org();
  v_handoff plane.handoffs;
begin
  perform plane._check_isolation();
  select * into v_handoff from plane.handoffs where id = p_id and org_id = v_org;
  if v_handoff.id is null then
    perform plane.find_handoff(p_id); -- raises
  elsif v_handoff.wait_token is not null and not plane._hold_frame_of_handoff(v_handoff, false) then
    return false;
  end if;
  perform from plane.handoffs where id = p_id for no key update skip locked;
  return found;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.type_fits(p_wanted jsonb, p_offered jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if p_wanted = p_offered or coalesce(jsonb_typeof(p_wanted), 'null') not in ('string', 'array')
    or coalesce(jsonb_typeof(p_offered), 'null') not in ('string', 'array') then
    return true;
  end if;
  return exists (
    select
    from jsonb_array_elements_text(case jsonb_typeof(p_wanted) when 'array' then p_wanted else jsonb_build_array(p_wanted) end) as w,
      jsonb_array_elements_text(case jsonb_typeof(p_offered) when 'array' then p_offered else jsonb_build_array(p_offered) end) as o
    where o = w or (o = 'integer' and w = 'number') or (o = 'number' and w = 'integer'));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.unsealed_problem(p_from bigint, p_seq bigint, p_to bigint, p_head plane.audit_heads, p_hash text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org   constant uuid := plane.caller_org();
  v_entry plane.audit_entries;
begin
  if p_seq < least(p_to, p_head.seq) then
    return plane.audit_problem('removed', p_seq + 1, null, format('There is no entry %s; the chain has %s.', p_seq + 1, p_head.seq));
  end if;

  select e.* into v_entry
  from plane.audit_entries as e
  where e.org_id = v_org and e.seq is not null
    and (e.seq > p_from or p_from = 0) and (e.seq <= p_seq or p_seq >= p_head.seq)
    and not exists (select from plane.audit_seals as s where s.org_id = v_org and s.seq = e.seq and s.entry_id = e.id)
  order by e.seq
  limit 1;
  if found then
    return plane.audit_problem('inserted', v_entry.seq, v_entry.id, format('Entry %s was never sealed.', v_entry.seq));
  elsif p_seq > p_head.seq then
    return plane.audit_problem('inserted', p_head.seq + 1, null,
      format('There is something behind the last entry that the plane has sealed, which is %s.', p_head.seq));
  elsif p_seq = p_head.seq and p_hash <> p_head.hash then
    return plane.audit_problem('changed', p_seq, null, format('The last entry, %s, is not the one that the plane sealed last.', p_seq));
  end if;
  return null;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.update_agent_records(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_since   timestamptz;
  v_counted int;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('plane.update_agent_records', 0)) then
    return jsonb_build_object('counted', 0);
  end if;
  select max(r.ended_at) - interval '3 minutes' into v_since from plane.agent_records as r;

  with ended as (
    select w.org_id, w.agent_id, max(w.ended_at) as ended_at
    from plane.ended_work as w
    where w.ended_at > coalesce(v_since, '-infinity')
    group by w.org_id, w.agent_id
  ), dirty as (
    select e.org_id, e.agent_id, e.ended_at
    from ended as e
    join plane.agents as a on a.id = e.agent_id and a.org_id = e.org_id
    where not exists (
      select from plane.agent_records as r
      where r.agent_id = e.agent_id and r.ended_at >= e.ended_at
        and (r.updated_at >= e.ended_at + interval '1 minute' or plane.clock() < e.ended_at + interval '1 minute'))
    order by e.ended_at, e.agent_id
    limit coalesce((p ->> 'limit')::int, 100)
  ), counted as (
    insert into plane.agent_records as r (org_id, agent_id, succeeded, failed, p50_ms, mean_usd, last_error, ended_at)
    select d.org_id, d.agent_id, w.succeeded, w.failed, w.p50_ms, w.mean_usd, w.last_error, d.ended_at
    from dirty as d
    cross join lateral (
      select
        count(*) filter (where l.has_succeeded) as succeeded,
        count(*) filter (where not l.has_succeeded) as failed,
        percentile_cont(0.5) within group (order by extract(epoch from l.ended_at - l.started_at) * 1000)
          filter (where l.has_succeeded)::bigint as p50_ms,
        avg(l.cost_usd) as mean_usd,
        (array_agg(l.error order by l.ended_at desc) filter (where not l.has_succeeded))[1] as last_error
      from (
        select * from plane.ended_work as each
        where each.org_id = d.org_id and each.agent_id = d.agent_id
        order by each.ended_at desc
        limit 100
      ) as l
    ) as w
    on conflict (agent_id) do update
    set succeeded = excluded.succeeded, failed = excluded.failed, p50_ms = excluded.p50_ms, mean_usd = excluded.mean_usd,
      last_error = excluded.last_error, ended_at = excluded.ended_at, updated_at = plane.clock()
    returning 1
  )
  select count(*) into v_counted from counted;
  return jsonb_build_object('counted', v_counted);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.update_escalation(p jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_escalation constant plane.escalations := plane._require_escalation((p ->> 'id')::uuid);
  v_priority   constant text := coalesce(p ->> 'priority', v_escalation.priority);
  v_assign_to  jsonb := v_escalation.assign_to;
begin
  if not plane.manages_members()
    and not (v_escalation.kind = 'question' and v_escalation.created_by ->> 'id' = plane.caller_id()::text)
  then
    perform plane._require_may_answer(v_escalation);
  end if;
  perform plane._require_open(v_escalation);
  if p ? 'assign_to' then
    v_assign_to := plane._read_assignees(p -> 'assign_to');
  end if;

  update plane.escalations
  set
    priority = v_priority,
    rank = array_position(array['urgent', 'high', 'normal', 'low'], v_priority) - 1,
    assign_to = v_assign_to,
    announced_at = case when assign_to = v_assign_to then announced_at end
  where id = v_escalation.id;
  perform plane._note_escalation(v_escalation, 'escalation.assigned', jsonb_build_object('assign_to', v_assign_to, 'priority', v_priority));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.use_link()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_link constant uuid := (plane.caller_claims() ->> 'link_id')::uuid;
begin
  if plane._require_org() is null or v_link is null then
    perform plane.raise_error(404, 'link_not_found', 'This call did not come by a link.');
  end if;
  update plane.escalation_links set used_at = plane.clock() where id = v_link and used_at is null;
  if not found then
    perform plane.raise_error(410, 'link_used', 'This link was used before.', 'Sign in to see what became of it.');
  end if;
end;
$function$;

CREATE OR REPLACE FUNCTION plane.waiting_for(p_execution plane.executions)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select coalesce(jsonb_agg(
    plane.with_money(case jsonb_typeof(w.data) when 'object' then w.data - 'carried' else w.data end) || jsonb_build_object(
      'path', w.path, 'kind', w.kind, 'name', w.name, 'opened_at', w.opened_at, 'until', w.deadline
    )
    || case when w.match is null then '{}' else jsonb_build_object('match', w.match) end
    || case when w.pending is null then '{}' else jsonb_build_object('pending', w.pending) end
    || case when w.kind <> 'child' then '{}' else coalesce((
      select jsonb_build_object('execution_id', c.id)
      from plane.executions as c
      where c.root_execution_id = p_execution.root_execution_id
        and c.parent_execution_id = p_execution.id
        and c.parent_path = w.path
      order by c.created_at desc
      limit 1
    ), '{}') end
    order by w.opened_at, w.token
  ), '[]')
  from plane.waits as w
  where w.execution_id = p_execution.id and w.answered_at is null
    and not w.data ? 'timeout_of'; -- the time limit of a group is nothing that it waits for
$function$;

CREATE OR REPLACE FUNCTION plane.waiting_handoffs(p_agent_id uuid)
 RETURNS integer
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select count(*)::int from plane.offered_handoffs(p_agent_id, 100);
$function$;

CREATE OR REPLACE FUNCTION plane.waiting_work(p_agent_id uuid, p_since timestamp with time zone)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org constant uuid := plane.caller_org();
begin
  return jsonb_build_object(
    'executions', (
      select count(*) from plane.executions as e where e.org_id = v_org and e.agent_id = p_agent_id and e.status = 'running'),
    'approvals', (
      select count(*)
      from plane.waits as w
      where w.org_id = v_org and w.kind in ('approval', 'budget', 'unknown') and w.answered_at is null),
    'handoffs', plane.waiting_handoffs(p_agent_id) + (
      select count(*) from plane.handoffs as h where h.org_id = v_org and h.agent_id = p_agent_id and h.status in ('claimed', 'accepted')),
    'escalations', (
      select count(*)
      from plane.escalations as x
      where x.org_id = v_org and x.agent_id = p_agent_id and x.status in ('resolved', 'dismissed', 'timed_out')
        and x.decided_at >= coalesce(p_since, plane.clock() - interval '1 day')));
end;
$function$;

CREATE OR REPLACE FUNCTION plane.watch_budgets(p jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_org   uuid;
  v_state jsonb;
  v_due   jsonb := '[]';
begin
  for v_org in
    select b.org_id from plane.budgets as b
    where (p ->> 'org_id') is null or b.org_id = (p ->> 'org_id')::uuid
    group by b.org_id order by min(b.watched_at), b.org_id limit coalesce((p ->> 'limit')::int, 200)
  loop
    for v_state in select s from jsonb_array_elements(plane.budget_states(v_org)) as s loop
      v_due := v_due || plane._watch_budget(v_org, v_state);
    end loop;
    update plane.budgets set watched_at = plane.clock()
    where id in (select id from plane.budgets where org_id = v_org for no key update skip locked);
  end loop;
  return jsonb_build_object('due', v_due);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.webhook_json(p_webhook plane.webhooks)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return jsonb_build_object(
    'id', p_webhook.id,
    'url', p_webhook.url,
    'description', p_webhook.description,
    'events', to_jsonb(p_webhook.events),
    'enabled', p_webhook.status = 'enabled',
    'disabled_reason', p_webhook.disabled_reason,
    'failures', p_webhook.failures,
    'failing_since', p_webhook.failing_since,
    'former_secret_until', case when p_webhook.former_until > plane.clock() then p_webhook.former_until end,
    'created_by', p_webhook.created_by,
    'created_at', p_webhook.created_at,
    'updated_at', p_webhook.updated_at);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.wilson(p_succeeded integer, p_failed integer)
 RETURNS double precision
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_z     constant double precision := 1.96;
  v_n     constant double precision := coalesce(p_succeeded, 0) + coalesce(p_failed, 0) + 2;
  v_share constant double precision := (coalesce(p_succeeded, 0) + 1) / v_n;
begin
  return (v_share + c_z ^ 2 / (2 * v_n) - c_z * sqrt((v_share * (1 - v_share) + c_z ^ 2 / (4 * v_n)) / v_n)) / (1 + c_z ^ 2 / v_n);
end;
$function$;

CREATE OR REPLACE FUNCTION plane.write_state(payload jsonb, p_old plane.state, p_value jsonb, p_action text, p_keeps_expiry boolean)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  c_max_bytes constant int := 262144;
  v_now       constant timestamptz := plane.clock();
  v_expires   timestamptz := coalesce(
    (payload ->> 'expires_at')::timestamptz, v_now + make_interval(secs => (payload ->> 'expires_in_seconds')::float8));
  v_version   bigint := 0;
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

  if p_old.key is null then
    v_version := plane.bury_state(payload);
  end if;
  insert into plane.state as s (org_id, component, key, value, version, agent_id, expires_at, created_at, updated_at)
  values (plane.caller_org(), payload ->> 'component', payload ->> 'key', p_value, v_version + 1,
    (payload ->> 'agent_id')::uuid, v_expires, v_now, v_now)
  on conflict (org_id, component, key) do update
  set
    value = excluded.value,
    version = s.version + 1,
    agent_id = coalesce(excluded.agent_id, s.agent_id),
    expires_at = excluded.expires_at,
    updated_at = greatest(v_now, s.updated_at)
  where p_old.key is not null
  returning * into v_state;
  if not found then
    return null;
  end if;
  if p_old.key is not null then
    perform plane.keep_history(p_old, v_state.updated_at, 'replaced');
  else
    perform plane.check_quota('state_entries');
    perform plane.check_quota('state_bytes');
  end if;

  perform plane.record_audit(p_action, 'state', v_state.component || '/' || v_state.key,
    jsonb_build_object('version', v_state.version),
    case when p_old.key is not null then plane.state_json(p_old) end, plane.state_json(v_state));
  return plane.state_json(v_state) || jsonb_build_object('is_created', p_old.key is null);
end;
$function$;

alter table plane.agent_records add constraint agent_records_pkey PRIMARY KEY (agent_id);
alter table plane.agent_terms add constraint agent_terms_kind_is_known CHECK ((kind = ANY (ARRAY['word'::text, 'skill'::text, 'tag'::text, 'field'::text])));
alter table plane.agent_terms add constraint agent_terms_pkey PRIMARY KEY (org_id, kind, term, agent_id);
alter table plane.audit_entries add constraint audit_entries_actor_is_known CHECK ((actor_kind = ANY (ARRAY['api_key'::text, 'runner'::text, 'operator'::text, 'person'::text, 'link'::text, 'plane'::text])));
alter table plane.audit_entries add constraint audit_entries_erased_iff_no_nonce CHECK (((erased_in IS NULL) = (nonce IS NOT NULL)));
alter table plane.audit_heads add constraint audit_heads_pkey PRIMARY KEY (org_id);
alter table plane.audit_salts add constraint audit_salts_pkey PRIMARY KEY (org_id);
alter table plane.audit_seals add constraint audit_seals_pkey PRIMARY KEY (org_id, seq);
alter table plane.audit_seals add constraint audit_seals_seq_check CHECK ((seq > 0));
alter table plane.budgets add constraint budgets_limit_usd_check CHECK ((limit_usd >= (0)::numeric));
alter table plane.budgets add constraint budgets_on_reached_check CHECK ((on_reached = ANY (ARRAY['stop'::text, 'ask'::text])));
alter table plane.budgets add constraint budgets_period_check CHECK ((period = ANY (ARRAY['day'::text, 'month'::text])));
alter table plane.budgets add constraint budgets_pkey PRIMARY KEY (id);
alter table plane.budgets add constraint budgets_scope_check CHECK ((scope = ANY (ARRAY['organisation'::text, 'workflow'::text, 'agent'::text])));
alter table plane.budgets add constraint budgets_scope_names_its_target CHECK ((((scope = 'workflow'::text) = (workflow_id IS NOT NULL)) AND ((scope = 'agent'::text) = (agent_id IS NOT NULL))));
alter table plane.budgets add constraint budgets_warn_at_check CHECK (((warn_at > (0)::numeric) AND (warn_at < (1)::numeric)));
alter table gateway.chore_runs add constraint chore_runs_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table gateway.chore_runs add constraint chore_runs_pkey PRIMARY KEY (name);
alter table plane.erasures add constraint erasures_kind_check CHECK ((kind = ANY (ARRAY['person'::text, 'organisation'::text])));
alter table plane.erasures add constraint erasures_pkey PRIMARY KEY (id);
alter table plane.escalation_comments add constraint escalation_comments_pkey PRIMARY KEY (id);
alter table plane.escalation_comments add constraint escalation_comments_text_check CHECK (((char_length(text) >= 1) AND (char_length(text) <= 10000)));
alter table plane.escalation_links add constraint escalation_links_pkey PRIMARY KEY (id);
alter table plane.escalation_links add constraint escalation_links_token_hash_check CHECK ((octet_length(token_hash) = 32));
alter table plane.escalation_links add constraint escalation_links_token_is_unique UNIQUE (token_hash);
alter table plane.escalation_mails add constraint escalation_mails_end_once CHECK (((sent_at IS NULL) OR (given_up_at IS NULL)));
alter table plane.escalation_mails add constraint escalation_mails_pkey PRIMARY KEY (id);
alter table plane.escalations add constraint escalations_answerable_by_check CHECK ((answerable_by = ANY (ARRAY['people'::text, 'anyone'::text])));
alter table plane.escalations add constraint escalations_claimed_iff_by_somebody CHECK ((((status = 'claimed'::text) = (claimed_by IS NOT NULL)) OR (decided_at IS NOT NULL)));
alter table plane.escalations add constraint escalations_decided_iff_closed CHECK (((status = ANY (ARRAY['open'::text, 'claimed'::text])) = (decided_at IS NULL)));
alter table plane.escalations add constraint escalations_kind_is_known CHECK ((kind = ANY (ARRAY['question'::text, 'approval'::text, 'budget'::text, 'unknown'::text, 'policy'::text])));
alter table plane.escalations add constraint escalations_pkey PRIMARY KEY (id);
alter table plane.escalations add constraint escalations_priority_has_its_rank CHECK (((rank = (array_position(ARRAY['urgent'::text, 'high'::text, 'normal'::text, 'low'::text], priority) - 1)) AND (priority = ANY (ARRAY['urgent'::text, 'high'::text, 'normal'::text, 'low'::text]))));
alter table plane.escalations add constraint escalations_quorum_check CHECK (((quorum >= 1) AND (quorum <= 100)));
alter table plane.escalations add constraint escalations_reason_check CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 10000)));
alter table plane.escalations add constraint escalations_resolved_has_an_outcome CHECK (((status <> 'resolved'::text) OR (outcome IS NOT NULL)));
alter table plane.escalations add constraint escalations_status_is_known CHECK ((status = ANY (ARRAY['open'::text, 'claimed'::text, 'resolved'::text, 'dismissed'::text, 'timed_out'::text, 'cancelled'::text])));
alter table plane.event_feeds add constraint event_feeds_pkey PRIMARY KEY (org_id, reader);
alter table plane.event_triggers add constraint event_triggers_event_check CHECK (((char_length(event) >= 1) AND (char_length(event) <= 200)));
alter table plane.event_triggers add constraint event_triggers_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table plane.event_triggers add constraint event_triggers_name_is_unique UNIQUE (org_id, name);
alter table plane.event_triggers add constraint event_triggers_pkey PRIMARY KEY (id);
alter table plane.handoffs add constraint handoffs_ended_iff_completed_at CHECK (((status = ANY (ARRAY['pending'::text, 'claimed'::text, 'accepted'::text])) = (completed_at IS NULL)));
alter table plane.handoffs add constraint handoffs_lease_iff_claimed CHECK (((status = 'claimed'::text) = (lease_until IS NOT NULL)));
alter table plane.handoffs add constraint handoffs_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 100)));
alter table plane.handoffs add constraint handoffs_offered_one_way CHECK (((to_agent_id IS NULL) OR (match IS NULL)));
alter table plane.handoffs add constraint handoffs_pkey PRIMARY KEY (id);
alter table plane.handoffs add constraint handoffs_status_is_known CHECK ((status = ANY (ARRAY['pending'::text, 'claimed'::text, 'accepted'::text, 'rejected'::text, 'completed'::text, 'dead'::text, 'cancelled'::text])));
alter table plane.handoffs add constraint handoffs_token_iff_claimed CHECK (((status = 'claimed'::text) = (token_hash IS NOT NULL)));
alter table plane.hooks add constraint hooks_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table plane.hooks add constraint hooks_name_is_unique UNIQUE (org_id, name);
alter table plane.hooks add constraint hooks_pkey PRIMARY KEY (id);
alter table plane.hooks add constraint hooks_scheme_is_known CHECK ((scheme = ANY (ARRAY['standard'::text, 'github'::text, 'stripe'::text, 'hmac'::text])));
alter table plane.hooks add constraint hooks_token_is_unique UNIQUE (token);
alter table plane.interpretations add constraint interpretations_hash_check CHECK ((octet_length(hash) = 32));
alter table plane.interpretations add constraint interpretations_pkey PRIMARY KEY (org_id, hash);
alter table plane.invitations add constraint invitations_accepted_by_somebody CHECK (((accepted_at IS NULL) = (accepted_by IS NULL)));
alter table plane.invitations add constraint invitations_email_check CHECK (((char_length(email) >= 3) AND (char_length(email) <= 320)));
alter table plane.invitations add constraint invitations_end_once CHECK (((accepted_at IS NULL) OR (revoked_at IS NULL)));
alter table plane.invitations add constraint invitations_pkey PRIMARY KEY (id);
alter table plane.invitations add constraint invitations_role_is_known CHECK ((role = ANY (ARRAY['viewer'::text, 'approver'::text, 'operator'::text, 'admin'::text, 'owner'::text])));
alter table plane.invitations add constraint invitations_token_hash_check CHECK ((octet_length(token_hash) = 32));
alter table plane.invitations add constraint invitations_token_is_unique UNIQUE (token_hash);
alter table plane.locks add constraint locks_component_check CHECK (((char_length(component) >= 1) AND (char_length(component) <= 200)));
alter table plane.locks add constraint locks_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 500)));
alter table plane.locks add constraint locks_pkey PRIMARY KEY (org_id, component, key);
alter table plane.members add constraint members_email_check CHECK (((char_length(email) >= 3) AND (char_length(email) <= 320)));
alter table plane.members add constraint members_pkey PRIMARY KEY (org_id, user_id);
alter table plane.members add constraint members_role_is_known CHECK ((role = ANY (ARRAY['viewer'::text, 'approver'::text, 'operator'::text, 'admin'::text, 'owner'::text])));
alter table plane.memories add constraint memories_content_check CHECK (((char_length(content) > 0) AND (octet_length(content) <= 65536)));
alter table plane.memories add constraint memories_embedding_iff_model CHECK (((embedding IS NULL) = (embedding_model IS NULL)));
alter table plane.memories add constraint memories_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 500)));
alter table plane.memories add constraint memories_namespace_check CHECK (((char_length(namespace) >= 1) AND (char_length(namespace) <= 200)));
alter table plane.memories add constraint memories_pkey PRIMARY KEY (id);
alter table plane.meters add constraint meters_pkey PRIMARY KEY (org_id);
alter table plane.policies add constraint policies_effect_is_known CHECK ((effect = ANY (ARRAY['deny'::text, 'ask'::text, 'allow'::text])));
alter table plane.policies add constraint policies_kind_check CHECK ((kind = ANY (ARRAY['tool'::text, 'host'::text, 'model'::text])));
alter table plane.policies add constraint policies_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table plane.policies add constraint policies_name_is_unique UNIQUE (org_id, name);
alter table plane.policies add constraint policies_pattern_check CHECK (((char_length(pattern) >= 1) AND (char_length(pattern) <= 300)));
alter table plane.policies add constraint policies_pkey PRIMARY KEY (id);
alter table plane.policies add constraint policies_priority_check CHECK (((priority >= '-1000'::integer) AND (priority <= 1000)));
alter table plane.quota_counts add constraint quota_counts_pkey PRIMARY KEY (org_id, name);
alter table plane.quotas add constraint quotas_max_value_check CHECK ((max_value >= 0));
alter table plane.quotas add constraint quotas_pkey PRIMARY KEY (org_id, name);
alter table plane.rate_buckets add constraint rate_buckets_kind_check CHECK ((kind = ANY (ARRAY['key'::text, 'person'::text, 'agent'::text])));
alter table plane.rate_buckets add constraint rate_buckets_pkey PRIMARY KEY (org_id, kind, subject);
alter table plane.rate_limits add constraint rate_limits_burst_check CHECK (((burst >= 1) AND (burst <= 10000000)));
alter table plane.rate_limits add constraint rate_limits_kind_check CHECK ((kind = ANY (ARRAY['key'::text, 'person'::text, 'agent'::text])));
alter table plane.rate_limits add constraint rate_limits_pkey PRIMARY KEY (org_id, kind, subject);
alter table plane.rate_limits add constraint rate_limits_quota_check CHECK (((quota >= 1) AND (quota <= 10000000)));
alter table plane.rate_limits add constraint rate_limits_subject_check CHECK (((char_length(subject) >= 1) AND (char_length(subject) <= 200)));
alter table plane.rate_limits add constraint rate_limits_window_seconds_check CHECK (((window_seconds >= 1) AND (window_seconds <= 86400)));
alter table plane.retention add constraint retention_payload_days_check CHECK (((payload_days >= 1) AND (payload_days <= 3650)));
alter table plane.retention add constraint retention_pkey PRIMARY KEY (org_id);
alter table plane.schedule_firings add constraint schedule_firings_execution_iff_fired CHECK (((outcome = 'fired'::text) = (execution_id IS NOT NULL)));
alter table plane.schedule_firings add constraint schedule_firings_outcome_is_known CHECK ((outcome = ANY (ARRAY['fired'::text, 'queued'::text, 'skipped'::text, 'failed'::text])));
alter table plane.schedule_firings add constraint schedule_firings_pkey PRIMARY KEY (id);
alter table plane.schedules add constraint schedules_catch_up_is_known CHECK ((catch_up = ANY (ARRAY['skip'::text, 'last'::text, 'all'::text])));
alter table plane.schedules add constraint schedules_due_iff_active CHECK (((status = 'active'::text) = (due_at IS NOT NULL)));
alter table plane.schedules add constraint schedules_jitter_seconds_check CHECK (((jitter_seconds >= 0) AND (jitter_seconds <= 3600)));
alter table plane.schedules add constraint schedules_max_catch_up_check CHECK (((max_catch_up >= 1) AND (max_catch_up <= 100)));
alter table plane.schedules add constraint schedules_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table plane.schedules add constraint schedules_name_is_unique UNIQUE (org_id, name);
alter table plane.schedules add constraint schedules_overlap_is_known CHECK ((overlap = ANY (ARRAY['allow'::text, 'skip'::text, 'queue'::text, 'cancel_running'::text])));
alter table plane.schedules add constraint schedules_pkey PRIMARY KEY (id);
alter table plane.schedules add constraint schedules_status_is_known CHECK ((status = ANY (ARRAY['active'::text, 'paused'::text, 'ended'::text])));
alter table plane.secrets add constraint secrets_name_check CHECK ((name ~ '^[A-Z][A-Z0-9_]{0,99}$'::text));
alter table plane.secrets add constraint secrets_pkey PRIMARY KEY (org_id, name);
alter table gateway.settings add constraint settings_are_known CHECK ((name = 'new_organisations'::text));
alter table gateway.settings add constraint settings_pkey PRIMARY KEY (name);
alter table plane.spent_days add constraint spent_days_pkey PRIMARY KEY (org_id, day, workflow_id, agent_id);
alter table plane.state_history add constraint state_history_ended_by_is_known CHECK ((ended_by = ANY (ARRAY['replaced'::text, 'deleted'::text, 'expired'::text])));
alter table plane.state_history add constraint state_history_pkey PRIMARY KEY (org_id, component, key, version);
alter table plane.template_ratings add constraint template_ratings_comment_check CHECK ((char_length(comment) <= 2000));
alter table plane.template_ratings add constraint template_ratings_pkey PRIMARY KEY (org_id, template, rater_id);
alter table plane.template_ratings add constraint template_ratings_stars_check CHECK (((stars >= 1) AND (stars <= 5)));
alter table plane.template_uses add constraint template_uses_count_once UNIQUE (org_id, template, workflow_id, workflow_version);
alter table plane.template_uses add constraint template_uses_pkey PRIMARY KEY (org_id, id);
alter table plane.templates add constraint templates_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)));
alter table plane.templates add constraint templates_pkey PRIMARY KEY (id);
alter table plane.templates add constraint templates_version_check CHECK ((version > 0));
alter table plane.templates add constraint templates_version_is_unique UNIQUE (org_id, name, version);
alter table plane.trigger_messages add constraint trigger_messages_handled_iff_not_pending CHECK (((status = 'pending'::text) = (handled_at IS NULL)));
alter table plane.trigger_messages add constraint trigger_messages_have_one_source CHECK ((num_nonnulls(hook_id, trigger_id) = 1));
alter table plane.trigger_messages add constraint trigger_messages_once_a_hook UNIQUE (hook_id, message_id);
alter table plane.trigger_messages add constraint trigger_messages_once_a_trigger UNIQUE (trigger_id, message_id);
alter table plane.trigger_messages add constraint trigger_messages_pkey PRIMARY KEY (id);
alter table plane.trigger_messages add constraint trigger_messages_status_is_known CHECK ((status = ANY (ARRAY['pending'::text, 'handled'::text, 'failed'::text])));
alter table plane.usage_days add constraint usage_days_metric_is_known CHECK ((metric = ANY (ARRAY['requests'::text, 'executions'::text, 'steps'::text, 'model_calls'::text, 'input_tokens'::text, 'output_tokens'::text, 'cost_usd'::text, 'unknown_costs'::text, 'handoffs'::text, 'state_entries'::text, 'state_bytes'::text, 'agents'::text, 'workflows'::text])));
alter table plane.usage_days add constraint usage_days_pkey PRIMARY KEY (org_id, day, metric);
alter table plane.waits add constraint waits_kind_is_known CHECK ((kind = ANY (ARRAY['approval'::text, 'budget'::text, 'event'::text, 'timer'::text, 'retry'::text, 'unknown'::text, 'child'::text, 'shards'::text, 'handoff'::text])));
alter table plane.webhook_deliveries add constraint webhook_deliveries_ended_iff_not_pending CHECK (((status = 'pending'::text) = (ended_at IS NULL)));
alter table plane.webhook_deliveries add constraint webhook_deliveries_once_an_event UNIQUE (webhook_id, feed_id);
alter table plane.webhook_deliveries add constraint webhook_deliveries_pkey PRIMARY KEY (id);
alter table plane.webhook_deliveries add constraint webhook_deliveries_status_is_known CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text])));
alter table plane.webhooks add constraint webhooks_events_check CHECK (((cardinality(events) >= 1) AND (cardinality(events) <= 50)));
alter table plane.webhooks add constraint webhooks_pkey PRIMARY KEY (id);
alter table plane.webhooks add constraint webhooks_reason_iff_disabled CHECK (((status = 'disabled'::text) = (disabled_reason IS NOT NULL)));
alter table plane.webhooks add constraint webhooks_status_is_known CHECK ((status = ANY (ARRAY['enabled'::text, 'disabled'::text])));
alter table plane.webhooks add constraint webhooks_url_check CHECK (((char_length(url) >= 1) AND (char_length(url) <= 2000)));
alter table plane.agent_records add constraint agent_records_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES plane.agents(id) ON DELETE CASCADE;
alter table plane.agent_records add constraint agent_records_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.agent_terms add constraint agent_terms_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES plane.agents(id) ON DELETE CASCADE;
alter table plane.agent_terms add constraint agent_terms_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.audit_heads add constraint audit_heads_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.audit_salts add constraint audit_salts_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.audit_seals add constraint audit_seals_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.budgets add constraint budgets_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES plane.agents(id) ON DELETE CASCADE;
alter table plane.budgets add constraint budgets_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.budgets add constraint budgets_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES plane.workflows(id) ON DELETE CASCADE;
alter table plane.escalation_comments add constraint escalation_comments_escalation_id_fkey FOREIGN KEY (escalation_id) REFERENCES plane.escalations(id) ON DELETE CASCADE;
alter table plane.escalation_comments add constraint escalation_comments_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.escalation_links add constraint escalation_links_escalation_id_fkey FOREIGN KEY (escalation_id) REFERENCES plane.escalations(id) ON DELETE CASCADE;
alter table plane.escalation_links add constraint escalation_links_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.escalation_mails add constraint escalation_mails_escalation_id_fkey FOREIGN KEY (escalation_id) REFERENCES plane.escalations(id) ON DELETE CASCADE;
alter table plane.escalation_mails add constraint escalation_mails_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.escalations add constraint escalations_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.event_feeds add constraint event_feeds_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.event_triggers add constraint event_triggers_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.handoffs add constraint handoffs_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.handoffs add constraint handoffs_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES plane.handoffs(id) ON DELETE SET NULL;
alter table plane.hooks add constraint hooks_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.interpretations add constraint interpretations_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.invitations add constraint invitations_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.locks add constraint locks_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.members add constraint members_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.memories add constraint memories_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.meters add constraint meters_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.policies add constraint policies_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.quota_counts add constraint quota_counts_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.quotas add constraint quotas_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.rate_buckets add constraint rate_buckets_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.rate_limits add constraint rate_limits_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.retention add constraint retention_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.schedule_firings add constraint schedule_firings_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.schedule_firings add constraint schedule_firings_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES plane.schedules(id) ON DELETE CASCADE;
alter table plane.schedules add constraint schedules_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.secrets add constraint secrets_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.spent_days add constraint spent_days_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.state_history add constraint state_history_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.template_ratings add constraint template_ratings_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.template_uses add constraint template_uses_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.templates add constraint templates_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.trigger_messages add constraint trigger_messages_hook_id_fkey FOREIGN KEY (hook_id) REFERENCES plane.hooks(id) ON DELETE CASCADE;
alter table plane.trigger_messages add constraint trigger_messages_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.trigger_messages add constraint trigger_messages_trigger_id_fkey FOREIGN KEY (trigger_id) REFERENCES plane.event_triggers(id) ON DELETE CASCADE;
alter table plane.usage_days add constraint usage_days_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.webhook_deliveries add constraint webhook_deliveries_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
alter table plane.webhook_deliveries add constraint webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES plane.webhooks(id) ON DELETE CASCADE;
alter table plane.webhooks add constraint webhooks_org_id_fkey FOREIGN KEY (org_id) REFERENCES plane.organisations(id) ON DELETE CASCADE;
CREATE INDEX agent_records_newest ON plane.agent_records USING btree (ended_at);
CREATE INDEX agent_records_of ON plane.agent_records USING btree (org_id, agent_id);
CREATE INDEX agent_terms_of ON plane.agent_terms USING btree (org_id, agent_id);
CREATE INDEX agent_terms_of_agent ON plane.agent_terms USING btree (agent_id);
CREATE UNIQUE INDEX agents_card_is_unique ON plane.agents USING btree (org_id, card_url) WHERE ((card_url IS NOT NULL) AND (deleted_at IS NULL));
CREATE INDEX audit_entries_by_resource ON plane.audit_entries USING btree (org_id, resource, resource_id, id DESC);
CREATE UNIQUE INDEX audit_entries_sealed ON plane.audit_entries USING btree (org_id, seq) WHERE (seq IS NOT NULL);
CREATE INDEX audit_entries_unsealed ON plane.audit_entries USING btree (org_id, id) WHERE (seq IS NULL);
CREATE INDEX budgets_of_a_workflow ON plane.budgets USING btree (workflow_id) WHERE (workflow_id IS NOT NULL);
CREATE INDEX budgets_of_an_agent ON plane.budgets USING btree (agent_id) WHERE (agent_id IS NOT NULL);
CREATE UNIQUE INDEX budgets_one_each ON plane.budgets USING btree (org_id, scope, period, COALESCE(workflow_id, agent_id, '00000000-0000-0000-0000-000000000000'::uuid));
CREATE INDEX checkpoints_of_a_payload ON plane.checkpoints USING btree (org_id, output_ref) WHERE (output_ref IS NOT NULL);
CREATE INDEX erasures_recent ON plane.erasures USING btree (org_id, requested_at DESC, id DESC);
CREATE INDEX erasures_unfinished ON plane.erasures USING btree (requested_at) WHERE (finished_at IS NULL);
CREATE INDEX escalation_comments_in_order ON plane.escalation_comments USING btree (org_id, escalation_id, created_at, id);
CREATE INDEX escalation_comments_of ON plane.escalation_comments USING btree (escalation_id);
CREATE INDEX escalation_links_of ON plane.escalation_links USING btree (org_id, escalation_id);
CREATE INDEX escalation_links_old ON plane.escalation_links USING btree (expires_at);
CREATE INDEX escalation_mails_due ON plane.escalation_mails USING btree (due_at) WHERE ((sent_at IS NULL) AND (given_up_at IS NULL));
CREATE INDEX escalation_mails_of ON plane.escalation_mails USING btree (org_id, escalation_id);
CREATE UNIQUE INDEX escalation_mails_waiting ON plane.escalation_mails USING btree (escalation_id, user_id) WHERE ((sent_at IS NULL) AND (given_up_at IS NULL));
CREATE INDEX escalations_by_rank ON plane.escalations USING btree (org_id, rank, created_at, id);
CREATE INDEX escalations_by_status ON plane.escalations USING btree (org_id, status, rank, created_at, id);
CREATE INDEX escalations_due ON plane.escalations USING btree (deadline) WHERE ((status = ANY (ARRAY['open'::text, 'claimed'::text])) AND (wait_token IS NULL) AND (kind <> 'budget'::text));
CREATE UNIQUE INDEX escalations_of_a_budget ON plane.escalations USING btree (execution_id) WHERE ((kind = 'budget'::text) AND (status = ANY (ARRAY['open'::text, 'claimed'::text])));
CREATE UNIQUE INDEX escalations_of_a_wait ON plane.escalations USING btree (execution_id, wait_token) WHERE (wait_token IS NOT NULL);
CREATE INDEX escalations_of_an_agent ON plane.escalations USING btree (org_id, agent_id, created_at DESC, id) WHERE (agent_id IS NOT NULL);
CREATE INDEX escalations_of_an_execution ON plane.escalations USING btree (org_id, execution_id, rank, created_at, id) WHERE (execution_id IS NOT NULL);
CREATE INDEX escalations_unannounced ON plane.escalations USING btree (created_at) WHERE ((status = ANY (ARRAY['open'::text, 'claimed'::text])) AND (announced_at IS NULL));
CREATE INDEX event_triggers_recent ON plane.event_triggers USING btree (org_id, created_at DESC, id DESC);
CREATE INDEX events_in_order ON plane.events USING btree (org_id, xid, feed_id);
CREATE INDEX executions_ended_by_agent ON plane.executions USING btree (org_id, agent_id, ended_at DESC) WHERE ((agent_id IS NOT NULL) AND (status <> 'running'::text));
CREATE INDEX executions_ended_of_agents ON plane.executions USING btree (ended_at) WHERE ((agent_id IS NOT NULL) AND (status <> 'running'::text));
CREATE INDEX executions_open_by_agent ON plane.executions USING btree (org_id, agent_id, created_at DESC) WHERE ((agent_id IS NOT NULL) AND (status = 'running'::text));
CREATE INDEX executions_with_payloads ON plane.executions USING btree (org_id, ended_at) WHERE ((ended_at IS NOT NULL) AND (payloads_dropped_at IS NULL));
CREATE INDEX handoffs_below ON plane.handoffs USING btree (org_id, parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX handoffs_by_agent ON plane.handoffs USING btree (org_id, agent_id, completed_at DESC) WHERE (agent_id IS NOT NULL);
CREATE INDEX handoffs_ended_of_agents ON plane.handoffs USING btree (completed_at) WHERE ((agent_id IS NOT NULL) AND (completed_at IS NOT NULL));
CREATE INDEX handoffs_held ON plane.handoffs USING btree (org_id, agent_id) WHERE (status = ANY (ARRAY['claimed'::text, 'accepted'::text]));
CREATE INDEX handoffs_lapsing ON plane.handoffs USING btree (lease_until) WHERE (status = 'claimed'::text);
CREATE UNIQUE INDEX handoffs_of_a_wait ON plane.handoffs USING btree (execution_id, wait_token) WHERE (wait_token IS NOT NULL);
CREATE INDEX handoffs_of_an_execution ON plane.handoffs USING btree (org_id, execution_id, created_at) WHERE (execution_id IS NOT NULL);
CREATE INDEX handoffs_offered ON plane.handoffs USING btree (org_id, to_agent_id, created_at, id) WHERE (status = ANY (ARRAY['pending'::text, 'claimed'::text]));
CREATE INDEX handoffs_overdue ON plane.handoffs USING btree (deadline_at) WHERE ((status = ANY (ARRAY['pending'::text, 'claimed'::text, 'accepted'::text])) AND (deadline_at IS NOT NULL));
CREATE INDEX handoffs_recent ON plane.handoffs USING btree (org_id, created_at DESC, id DESC);
CREATE INDEX handoffs_sent ON plane.handoffs USING btree (org_id, from_agent_id, completed_at DESC) WHERE (from_agent_id IS NOT NULL);
CREATE INDEX hooks_recent ON plane.hooks USING btree (org_id, created_at DESC, id DESC);
CREATE INDEX interpretations_expired ON plane.interpretations USING btree (expires_at);
CREATE UNIQUE INDEX invitations_open ON plane.invitations USING btree (org_id, lower(email)) WHERE ((accepted_at IS NULL) AND (revoked_at IS NULL));
CREATE INDEX invitations_recent ON plane.invitations USING btree (org_id, created_at DESC, id DESC);
CREATE INDEX locks_by_age ON plane.locks USING btree (lease_until);
CREATE INDEX members_of_a_person ON plane.members USING btree (user_id) WHERE (removed_at IS NULL);
CREATE INDEX members_recent ON plane.members USING btree (org_id, joined_at DESC, user_id DESC);
CREATE INDEX memories_by_agent ON plane.memories USING btree (org_id, agent_id, created_at DESC) WHERE (agent_id IS NOT NULL);
CREATE INDEX memories_by_word ON plane.memories USING gin (words);
CREATE INDEX memories_expired ON plane.memories USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE UNIQUE INDEX memories_key_is_unique ON plane.memories USING btree (org_id, namespace, key) WHERE (key IS NOT NULL);
CREATE INDEX memories_recent ON plane.memories USING btree (org_id, namespace, created_at DESC, id DESC);
CREATE INDEX meters_longest_ago ON plane.meters USING btree (metered_at);
CREATE INDEX meters_measured_longest_ago ON plane.meters USING btree (measured_at);
CREATE INDEX rate_buckets_resting ON plane.rate_buckets USING btree (refilled_at);
CREATE INDEX schedule_firings_old ON plane.schedule_firings USING btree (created_at);
CREATE UNIQUE INDEX schedule_firings_once ON plane.schedule_firings USING btree (schedule_id, fire_at) WHERE (NOT is_manual);
CREATE INDEX schedule_firings_open ON plane.schedule_firings USING btree (schedule_id) WHERE is_open;
CREATE INDEX schedule_firings_queued ON plane.schedule_firings USING btree (schedule_id, fire_at) WHERE (outcome = 'queued'::text);
CREATE INDEX schedule_firings_recent ON plane.schedule_firings USING btree (org_id, schedule_id, created_at DESC, id DESC);
CREATE INDEX schedules_due ON plane.schedules USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX schedules_recent ON plane.schedules USING btree (org_id, created_at DESC, id DESC);
CREATE INDEX secrets_by_master_key ON plane.secrets USING btree (org_id, ((sealed ->> 'key'::text)));
CREATE INDEX state_by_agent ON plane.state USING btree (org_id, agent_id, updated_at DESC) WHERE (agent_id IS NOT NULL);
CREATE INDEX state_history_by_age ON plane.state_history USING btree (ended_at);
CREATE INDEX trigger_messages_by_execution ON plane.trigger_messages USING btree (execution_id) WHERE (execution_id IS NOT NULL);
CREATE INDEX trigger_messages_handled ON plane.trigger_messages USING btree (handled_at) WHERE (handled_at IS NOT NULL);
CREATE INDEX trigger_messages_pending ON plane.trigger_messages USING btree (org_id, due_at) WHERE (status = 'pending'::text);
CREATE INDEX trigger_messages_recent ON plane.trigger_messages USING btree (org_id, received_at DESC, id DESC);
CREATE INDEX webhook_deliveries_ended ON plane.webhook_deliveries USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX webhook_deliveries_in_flight ON plane.webhook_deliveries USING btree (webhook_id) WHERE (claim_ref IS NOT NULL);
CREATE INDEX webhook_deliveries_of_one ON plane.webhook_deliveries USING btree (org_id, webhook_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_pending ON plane.webhook_deliveries USING btree (webhook_id, next_attempt_at) WHERE (status = 'pending'::text);
CREATE INDEX webhook_deliveries_recent ON plane.webhook_deliveries USING btree (org_id, created_at DESC, id DESC);
CREATE INDEX webhooks_recent ON plane.webhooks USING btree (org_id, created_at DESC, id DESC);
alter table plane.rate_buckets set (fillfactor=50);
alter table gateway.chore_runs enable row level security, force row level security;
alter table gateway.settings enable row level security, force row level security;
alter table plane.agent_records enable row level security, force row level security;
alter table plane.agent_terms enable row level security, force row level security;
alter table plane.audit_heads enable row level security, force row level security;
alter table plane.audit_salts enable row level security, force row level security;
alter table plane.audit_seals enable row level security, force row level security;
alter table plane.budgets enable row level security, force row level security;
alter table plane.erasures enable row level security, force row level security;
alter table plane.escalation_comments enable row level security, force row level security;
alter table plane.escalation_links enable row level security, force row level security;
alter table plane.escalation_mails enable row level security, force row level security;
alter table plane.escalations enable row level security, force row level security;
alter table plane.event_feeds enable row level security, force row level security;
alter table plane.event_triggers enable row level security, force row level security;
alter table plane.handoffs enable row level security, force row level security;
alter table plane.hooks enable row level security, force row level security;
alter table plane.interpretations enable row level security, force row level security;
alter table plane.invitations enable row level security, force row level security;
alter table plane.locks enable row level security, force row level security;
alter table plane.members enable row level security, force row level security;
alter table plane.memories enable row level security, force row level security;
alter table plane.meters enable row level security, force row level security;
alter table plane.policies enable row level security, force row level security;
alter table plane.quota_counts enable row level security, force row level security;
alter table plane.quotas enable row level security, force row level security;
alter table plane.rate_buckets enable row level security, force row level security;
alter table plane.rate_limits enable row level security, force row level security;
alter table plane.retention enable row level security, force row level security;
alter table plane.schedule_firings enable row level security, force row level security;
alter table plane.schedules enable row level security, force row level security;
alter table plane.secrets enable row level security, force row level security;
alter table plane.spent_days enable row level security, force row level security;
alter table plane.state_history enable row level security, force row level security;
alter table plane.template_ratings enable row level security, force row level security;
alter table plane.template_uses enable row level security, force row level security;
alter table plane.templates enable row level security, force row level security;
alter table plane.trigger_messages enable row level security, force row level security;
alter table plane.usage_days enable row level security, force row level security;
alter table plane.webhook_deliveries enable row level security, force row level security;
alter table plane.webhooks enable row level security, force row level security;

create view plane.ended_work with (security_invoker=true) as
 SELECT e.org_id,
    e.agent_id,
    (e.status = 'succeeded'::text) AS has_succeeded,
    e.created_at AS started_at,
    e.ended_at,
    e.known_cost_usd AS cost_usd,
    "left"(COALESCE((e.error ->> 'message'::text), (e.error ->> 'code'::text)), 500) AS error
   FROM plane.executions e
  WHERE ((e.agent_id IS NOT NULL) AND (e.status <> 'running'::text) AND (e.status <> 'cancelled'::text) AND (e.parent_execution_id IS NULL))
UNION ALL
 SELECT h.org_id,
    h.agent_id,
    (h.status = 'completed'::text) AS has_succeeded,
    COALESCE(h.accepted_at, h.created_at) AS started_at,
    h.completed_at AS ended_at,
    NULL::numeric AS cost_usd,
    "left"(COALESCE((h.error ->> 'message'::text), (h.error ->> 'code'::text)), 500) AS error
   FROM plane.handoffs h
  WHERE ((h.agent_id IS NOT NULL) AND (h.completed_at IS NOT NULL) AND (h.status = ANY (ARRAY['completed'::text, 'dead'::text])));

create view plane.violations with (security_invoker=true) as
 SELECT 'a running execution has a live root frame'::text AS invariant,
    e.id AS execution_id,
    ''::text AS frame,
    NULL::text AS details
   FROM plane.executions e
  WHERE ((e.status = 'running'::text) AND (e.mode = 'engine'::text) AND (NOT (EXISTS ( SELECT
           FROM plane.frames f
          WHERE ((f.execution_id = e.id) AND (f.frame = ''::text) AND (f.status <> 'done'::text))))))
UNION ALL
 SELECT 'a live frame belongs to a running execution'::text AS invariant,
    f.execution_id,
    f.frame,
    e.status AS details
   FROM (plane.frames f
     JOIN plane.executions e ON ((e.id = f.execution_id)))
  WHERE ((f.status <> 'done'::text) AND (e.status <> 'running'::text))
UNION ALL
 SELECT 'a live frame is of its execution''s gen'::text AS invariant,
    f.execution_id,
    f.frame,
    format('%s, not %s'::text, f.gen, e.gen) AS details
   FROM (plane.frames f
     JOIN plane.executions e ON ((e.id = f.execution_id)))
  WHERE ((f.status <> 'done'::text) AND (f.gen <> e.gen))
UNION ALL
 SELECT 'a live frame has a live parent'::text AS invariant,
    f.execution_id,
    f.frame,
    f.parent_token AS details
   FROM plane.frames f
  WHERE ((f.status <> 'done'::text) AND (f.parent_token IS NOT NULL) AND (NOT (EXISTS ( SELECT
           FROM plane.frames parent
          WHERE ((parent.execution_id = f.parent_execution_id) AND (parent.frame = f.parent_frame) AND (parent.status <> 'done'::text))))))
UNION ALL
 SELECT 'a running frame has a holder'::text AS invariant,
    f.execution_id,
    f.frame,
    f.owner AS details
   FROM plane.frames f
  WHERE ((f.status = 'running'::text) AND (f.claim_ref IS NULL))
UNION ALL
 SELECT 'a parked frame has no holder'::text AS invariant,
    f.execution_id,
    f.frame,
    f.claim_ref AS details
   FROM plane.frames f
  WHERE ((f.status = ANY (ARRAY['waiting'::text, 'done'::text])) AND (f.claim_ref IS NOT NULL))
UNION ALL
 SELECT 'a waiting frame waits for something'::text AS invariant,
    f.execution_id,
    f.frame,
    (f.due_at)::text AS details
   FROM plane.frames f
  WHERE ((f.status = 'waiting'::text) AND (f.cancel_grace_until IS NULL) AND (f.due_at > (plane.clock() + '00:01:00'::interval)) AND (NOT (EXISTS ( SELECT
           FROM plane.waits w
          WHERE ((w.execution_id = f.execution_id) AND (w.frame = f.frame) AND (w.gen = f.gen) AND (w.answered_at IS NULL))))))
UNION ALL
 SELECT 'a waiting frame has been told every answer'::text AS invariant,
    f.execution_id,
    f.frame,
    NULL::text AS details
   FROM plane.frames f
  WHERE ((f.status = 'waiting'::text) AND f.has_answers)
UNION ALL
 SELECT 'a waiting frame is due when its first wait is'::text AS invariant,
    f.execution_id,
    f.frame,
    w.token AS details
   FROM (plane.frames f
     JOIN plane.waits w ON (((w.execution_id = f.execution_id) AND (w.frame = f.frame) AND (w.gen = f.gen) AND (w.answered_at IS NULL))))
  WHERE ((f.status = 'waiting'::text) AND (f.cancel_grace_until IS NULL) AND (w.deadline < f.due_at))
UNION ALL
 SELECT 'an open wait belongs to a live frame'::text AS invariant,
    w.execution_id,
    w.frame,
    w.token AS details
   FROM plane.waits w
  WHERE ((w.answered_at IS NULL) AND (NOT (EXISTS ( SELECT
           FROM plane.frames f
          WHERE ((f.execution_id = w.execution_id) AND (f.frame = w.frame) AND (f.gen = w.gen) AND (f.status <> 'done'::text))))))
UNION ALL
 SELECT 'an open group has something left to wait for'::text AS invariant,
    w.execution_id,
    w.frame,
    w.token AS details
   FROM plane.waits w
  WHERE ((w.answered_at IS NULL) AND (w.pending = 0))
UNION ALL
 SELECT 'a group counts what lives below it'::text AS invariant,
    w.execution_id,
    w.frame,
    format('%s pending, %s live'::text, w.pending, count(f.execution_id)) AS details
   FROM (plane.waits w
     LEFT JOIN plane.frames f ON (((f.parent_execution_id = w.execution_id) AND (f.parent_token = w.token) AND (f.status <> 'done'::text))))
  WHERE ((w.answered_at IS NULL) AND (w.kind = ANY (ARRAY['child'::text, 'shards'::text])))
  GROUP BY w.execution_id, w.token
 HAVING (w.pending <> count(f.execution_id))
UNION ALL
 SELECT 'a step that handed its work over is waited for by somebody'::text AS invariant,
    w.execution_id,
    w.frame,
    w.token AS details
   FROM plane.waits w
  WHERE ((w.answered_at IS NULL) AND (w.kind = 'handoff'::text) AND (NOT (EXISTS ( SELECT
           FROM plane.handoffs h
          WHERE ((h.execution_id = w.execution_id) AND (h.wait_token = w.token) AND (h.completed_at IS NULL))))))
UNION ALL
 SELECT 'an open hand-off of a step has an open wait'::text AS invariant,
    h.execution_id,
    h.path AS frame,
    (h.id)::text AS details
   FROM plane.handoffs h
  WHERE ((h.wait_token IS NOT NULL) AND (h.completed_at IS NULL) AND (NOT (EXISTS ( SELECT
           FROM plane.waits w
          WHERE ((w.execution_id = h.execution_id) AND (w.token = h.wait_token) AND (w.answered_at IS NULL))))))
UNION ALL
 SELECT 'a queued signal is not awaited'::text AS invariant,
    s.execution_id,
    w.frame,
    s.name AS details
   FROM (plane.signals s
     JOIN plane.waits w ON (((w.execution_id = s.execution_id) AND (w.name = s.name))))
  WHERE ((s.taken_at IS NULL) AND (w.kind = 'event'::text) AND (w.answered_at IS NULL) AND plane._has_equal(s.payload, w.match))
UNION ALL
 SELECT 'a wait for a decision has its escalation'::text AS invariant,
    w.execution_id,
    w.frame,
    w.token AS details
   FROM plane.waits w
  WHERE ((w.answered_at IS NULL) AND (w.kind = ANY (ARRAY['approval'::text, 'unknown'::text])) AND (NOT (EXISTS ( SELECT
           FROM plane.escalations x
          WHERE ((x.execution_id = w.execution_id) AND (x.wait_token = w.token) AND (x.decided_at IS NULL))))))
UNION ALL
 SELECT 'a wait for money has its escalation'::text AS invariant,
    w.execution_id,
    w.frame,
    w.token AS details
   FROM (plane.waits w
     JOIN plane.executions e ON ((e.id = w.execution_id)))
  WHERE ((w.answered_at IS NULL) AND (w.kind = 'budget'::text) AND (NOT (EXISTS ( SELECT
           FROM plane.escalations x
          WHERE ((x.execution_id = e.root_execution_id) AND (x.kind = 'budget'::text) AND (x.decided_at IS NULL))))))
UNION ALL
 SELECT 'an open escalation has its wait'::text AS invariant,
    x.execution_id,
    NULL::text AS frame,
    x.wait_token AS details
   FROM plane.escalations x
  WHERE ((x.decided_at IS NULL) AND (x.wait_token IS NOT NULL) AND (NOT (EXISTS ( SELECT
           FROM plane.waits w
          WHERE ((w.execution_id = x.execution_id) AND (w.token = x.wait_token) AND (w.answered_at IS NULL))))))
UNION ALL
 SELECT 'an open escalation of a budget has its wait'::text AS invariant,
    x.execution_id,
    NULL::text AS frame,
    NULL::text AS details
   FROM plane.escalations x
  WHERE ((x.decided_at IS NULL) AND (x.kind = 'budget'::text) AND (NOT plane._has_open_budget(x.execution_id)));

create policy "callers add deliveries" on plane.webhook_deliveries
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers add hooks" on plane.hooks
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers add schedules" on plane.schedules
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers add triggers" on plane.event_triggers
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers add webhooks" on plane.webhooks
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers begin to listen" on plane.event_feeds
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their budgets" on plane.budgets
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their hooks" on plane.hooks
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their memories" on plane.memories
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their organisation's members" on plane.members
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their quotas" on plane.quotas
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their rate limits" on plane.rate_limits
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their ratings" on plane.template_ratings
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their schedules" on plane.schedules
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their triggers" on plane.event_triggers
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers change their webhooks" on plane.webhooks
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers complete their own answers" on plane.idempotency
  for update to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND (key_id = ( SELECT plane.caller_id() AS caller_id))))
  with check (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND (key_id = ( SELECT plane.caller_id() AS caller_id))));

create policy "callers delete their budgets" on plane.budgets
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers delete their hooks" on plane.hooks
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers delete their schedules" on plane.schedules
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers delete their triggers" on plane.event_triggers
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers delete their webhooks" on plane.webhooks
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers drop their state's oldest history" on plane.state_history
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers forget their agents' words" on plane.agent_terms
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers forget their memories" on plane.memories
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers hand work over" on plane.handoffs
  for insert to authenticated
  with check (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND (wait_token IS NULL)));

create policy "callers hold on to what they listen to" on plane.event_feeds
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers index their agents' words" on plane.agent_terms
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers invite to their organisation" on plane.invitations
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers keep interpretations" on plane.interpretations
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers keep their own answers" on plane.idempotency
  for insert to authenticated
  with check (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND (key_id = ( SELECT plane.caller_id() AS caller_id))));

create policy "callers keep their state's history" on plane.state_history
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers lift their quotas" on plane.quotas
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers lift their rate limits" on plane.rate_limits
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers manage their organisation's policies" on plane.policies
  for all to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('policies:manage'::text) AS caller_has_scope)))
  with check (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('policies:manage'::text) AS caller_has_scope)));

create policy "callers manage their organisation's retention" on plane.retention
  for all to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('data:manage'::text) AS caller_has_scope)))
  with check (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('data:manage'::text) AS caller_has_scope)));

create policy "callers manage their organisation's secrets" on plane.secrets
  for all to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('secrets:manage'::text) AS caller_has_scope)))
  with check (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('secrets:manage'::text) AS caller_has_scope)));

create policy "callers move their handoffs" on plane.handoffs
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers note again what they reached" on plane.quota_counts
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers note what they reached" on plane.quota_counts
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers publish templates" on plane.templates
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers rate" on plane.template_ratings
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read how far their audit is sealed" on plane.audit_heads
  for select to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('audit:read'::text) AS caller_has_scope)));

create policy "callers read their agents' records" on plane.agent_records
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their agents' words" on plane.agent_terms
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their buckets" on plane.rate_buckets
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their budgets" on plane.budgets
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their comments" on plane.escalation_comments
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their counts" on plane.quota_counts
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their deliveries" on plane.webhook_deliveries
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their escalations" on plane.escalations
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their firings" on plane.schedule_firings
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their handoffs" on plane.handoffs
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their hooks" on plane.hooks
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their interpretations" on plane.interpretations
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their locks" on plane.locks
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their memories" on plane.memories
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their messages" on plane.trigger_messages
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their meter" on plane.meters
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their organisation's erasures" on plane.erasures
  for select to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('data:manage'::text) AS caller_has_scope)));

create policy "callers read their organisation's ratings" on plane.template_ratings
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their organisation's seals" on plane.audit_seals
  for select to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('audit:read'::text) AS caller_has_scope)));

create policy "callers read their own answers" on plane.idempotency
  for select to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND (key_id = ( SELECT plane.caller_id() AS caller_id))));

create policy "callers read their quotas" on plane.quotas
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their rate limits" on plane.rate_limits
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their schedules" on plane.schedules
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their state's history" on plane.state_history
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their templates" on plane.templates
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their triggers" on plane.event_triggers
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their usage" on plane.usage_days
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their uses" on plane.template_uses
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read their webhooks" on plane.webhooks
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers read what they spent" on plane.spent_days
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers redeliver their messages" on plane.trigger_messages
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers rename their organisation" on plane.organisations
  for update to authenticated
  using ((id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers renew and release their locks" on plane.locks
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers renew their interpretations" on plane.interpretations
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers replay their deliveries" on plane.webhook_deliveries
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers run schedules now" on plane.schedule_firings
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers see how far their events were read" on plane.event_feeds
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers see their organisation's invitations" on plane.invitations
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers see their organisation's members" on plane.members
  for select to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers set budgets" on plane.budgets
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers set quotas" on plane.quotas
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers set rate limits" on plane.rate_limits
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers take back their organisation's invitations" on plane.invitations
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers take locks" on plane.locks
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers use templates" on plane.template_uses
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers weigh their agents' words" on plane.agent_terms
  for update to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)))
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers withdraw their templates" on plane.templates
  for delete to authenticated
  using ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "callers write memories" on plane.memories
  for insert to authenticated
  with check ((org_id = ( SELECT plane.caller_org() AS caller_org)));

create policy "managers of members see links" on plane.escalation_links
  for select to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('members:manage'::text) AS caller_has_scope)));

create policy "managers of members see what was mailed" on plane.escalation_mails
  for select to authenticated
  using (((org_id = ( SELECT plane.caller_org() AS caller_org)) AND ( SELECT plane.caller_has_scope('members:manage'::text) AS caller_has_scope)));

create policy "the auditor moves the head" on plane.audit_heads
  for all to plane_auditor
  using (true)
  with check (true);

create policy "the auditor salts" on plane.audit_salts
  for all to plane_auditor
  using (true)
  with check (true);

create policy "the auditor seals" on plane.audit_seals
  for all to plane_auditor
  using (true)
  with check (true);

create policy "the auditor writes and seals the audit" on plane.audit_entries
  for all to plane_auditor
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.agent_records
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.agent_terms
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.agents
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.api_keys
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.audit_entries
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.audit_heads
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.audit_salts
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.audit_seals
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.budgets
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.checkpoints
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.escalation_comments
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.escalation_links
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.escalation_mails
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.escalations
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.event_feeds
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.event_triggers
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.events
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.executions
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.frames
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.handoffs
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.hooks
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.idempotency
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.interpretations
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.invitations
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.locks
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.members
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.memories
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.meters
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.organisations
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.payloads
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.policies
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.quota_counts
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.quotas
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.rate_buckets
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.rate_limits
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.retention
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.schedule_firings
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.schedules
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.secrets
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.signals
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.spent_days
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.state
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.state_history
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.template_ratings
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.template_uses
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.templates
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.trigger_messages
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.usage_days
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.waits
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.webhook_deliveries
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.webhooks
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.workflow_versions
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser exports and erases" on plane.workflows
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the eraser keeps the list" on plane.erasures
  for all to plane_eraser
  using (true)
  with check (true);

create policy "the gateway accepts invitations" on plane.invitations
  for update to plane_gateway
  using (true);

create policy "the gateway changes the settings" on gateway.settings
  for update to plane_gateway
  using (true);

create policy "the gateway finds invitations" on plane.invitations
  for select to plane_gateway
  using (true);

create policy "the gateway finds memberships" on plane.members
  for select to plane_gateway
  using (true);

create policy "the gateway lets people join" on plane.members
  for insert to plane_gateway
  with check (true);

create policy "the gateway looks up links" on plane.escalation_links
  for select to plane_gateway
  using (true);

create policy "the gateway looks up links" on plane.escalations
  for select to plane_gateway
  using (true);

create policy "the gateway notes who was seen and who came back" on plane.members
  for update to plane_gateway
  using (true);

create policy "the gateway reads rate limits" on plane.rate_limits
  for select to plane_gateway
  using (true);

create policy "the gateway reads the settings" on gateway.settings
  for select to plane_gateway
  using (true);

create policy "the gateway takes from buckets" on plane.rate_buckets
  for all to plane_gateway
  using (true)
  with check (true);

create policy "the gateway writes the settings" on gateway.settings
  for insert to plane_gateway
  with check (true);

create policy "the kernel asks who may decide" on plane.members
  for select to plane_kernel
  using (true);

create policy "the kernel counts usage" on plane.usage_days
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel counts what is spent" on plane.spent_days
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel counts" on plane.quota_counts
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel delivers" on plane.webhook_deliveries
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel drops what is past it" on plane.retention
  for select to plane_kernel
  using (true);

create policy "the kernel finds hooks" on plane.hooks
  for select to plane_kernel
  using (true);

create policy "the kernel finds triggers" on plane.event_triggers
  for select to plane_kernel
  using (true);

create policy "the kernel fires schedules" on plane.schedules
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel forgets old locks" on plane.locks
  for all to plane_kernel
  using ((lease_until <= plane.clock()));

create policy "the kernel hands over for steps, and takes back" on plane.handoffs
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel hands secrets to steps" on plane.secrets
  for select to plane_kernel
  using (true);

create policy "the kernel holds hooks while a message comes in" on plane.hooks
  for update to plane_kernel
  using (true)
  with check (true);

create policy "the kernel keeps and drops history" on plane.state_history
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel keeps comments" on plane.escalation_comments
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel keeps records" on plane.agent_records
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel keeps the outbox" on plane.escalation_mails
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel makes and uses links" on plane.escalation_links
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel measures state" on plane.state
  for select to plane_kernel
  using (true);

create policy "the kernel meters buckets" on plane.rate_buckets
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel meters" on plane.meters
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel notes chores" on gateway.chore_runs
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel notes how agents are" on plane.agents
  for update to plane_kernel
  using (true)
  with check (true);

create policy "the kernel notes how webhooks do" on plane.webhooks
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel notes when secrets were used" on plane.secrets
  for update to plane_kernel
  using (true)
  with check (true);

create policy "the kernel opens and closes escalations" on plane.escalations
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel reads on" on plane.event_feeds
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel reads organisations" on plane.organisations
  for select to plane_kernel
  using (true);

create policy "the kernel reads quotas" on plane.quotas
  for select to plane_kernel
  using (true);

create policy "the kernel records firings" on plane.schedule_firings
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel removes expired interpretations" on plane.interpretations
  for all to plane_kernel
  using ((expires_at <= plane.clock()));

create policy "the kernel searches memories and removes expired ones" on plane.memories
  for all to plane_kernel
  using (true);

create policy "the kernel sees how agents are" on plane.agents
  for select to plane_kernel
  using (true);

create policy "the kernel takes and handles messages" on plane.trigger_messages
  for all to plane_kernel
  using (true)
  with check (true);

create policy "the kernel tells runners the policies" on plane.policies
  for select to plane_kernel
  using (true);

create policy "the kernel watches budgets" on plane.budgets
  for all to plane_kernel
  using (true)
  with check (true);
alter function gateway._check_token(jsonb) owner to plane_gateway;
alter function gateway._claims_of(plane.members,jsonb) owner to plane_gateway;
alter function gateway._find_invitation(text) owner to plane_gateway;
alter function gateway._find_membership(uuid,text) owner to plane_gateway;
alter function gateway._lease_tokens(jsonb) owner to plane_gateway;
alter function gateway._note_member(plane.members,text) owner to plane_gateway;
alter function gateway._note_use(uuid,text) owner to plane_gateway;
alter function gateway._rate_limit_of(uuid,text,text,jsonb) owner to plane_gateway;
alter function gateway.accept_invitation(jsonb) owner to plane_gateway;
alter function gateway.authenticate_person(text,text) owner to plane_gateway;
alter function gateway.begin_erasure(jsonb) owner to plane_eraser;
alter function gateway.change_setting(text,jsonb) owner to plane_gateway;
alter function gateway.create_member(uuid,uuid,text,text) owner to plane_gateway;
alter function gateway.create_runner_key(text,text,text[]) owner to plane_gateway;
alter function gateway.erase_next(jsonb) owner to plane_eraser;
alter function gateway.export_page(jsonb) owner to plane_eraser;
alter function gateway.found_organisation(jsonb) owner to plane_gateway;
alter function gateway.link_claims(text) owner to plane_gateway;
alter function gateway.list_memberships() owner to plane_gateway;
alter function gateway.refuse_public(text) owner to plane_gateway;
alter function gateway.show_invitation(jsonb) owner to plane_gateway;
alter function plane.announce_escalations(jsonb) owner to plane_kernel;
alter function plane.claim_deliveries(jsonb) owner to plane_kernel;
alter function plane.claim_escalation(jsonb) owner to plane_kernel;
alter function plane.claim_mails(jsonb) owner to plane_kernel;
alter function plane.claim_messages(jsonb) owner to plane_kernel;
alter function plane.claim_schedules(jsonb) owner to plane_kernel;
alter function plane.comment_on_escalation(jsonb) owner to plane_kernel;
alter function plane.count_quotas(jsonb) owner to plane_kernel;
alter function plane.dismiss_escalation(jsonb) owner to plane_kernel;
alter function plane.drop_payloads(jsonb) owner to plane_kernel;
alter function plane.expire_handoffs(jsonb) owner to plane_kernel;
alter function plane.fan_out_triggers(jsonb) owner to plane_kernel;
alter function plane.fan_out_webhooks(jsonb) owner to plane_kernel;
alter function plane.find_hook(jsonb) owner to plane_kernel;
alter function plane.finish_message(jsonb) owner to plane_kernel;
alter function plane.forget_triggered(jsonb) owner to plane_kernel;
alter function plane.get_plane_health(jsonb) owner to plane_kernel;
alter function plane.give_back_handoff(uuid,text) owner to plane_kernel;
alter function plane.hold_handoff(uuid) owner to plane_kernel;
alter function plane.load_guard(jsonb) owner to plane_kernel;
alter function plane.load_secrets(jsonb) owner to plane_kernel;
alter function plane.mail_escalation(jsonb) owner to plane_kernel;
alter function plane.meter_requests(jsonb) owner to plane_kernel;
alter function plane.meter_usage(jsonb) owner to plane_kernel;
alter function plane.model_rules() owner to plane_kernel;
alter function plane.note_agent_health(jsonb) owner to plane_kernel;
alter function plane.note_chore(jsonb) owner to plane_kernel;
alter function plane.note_mail(jsonb) owner to plane_kernel;
alter function plane.note_policy(jsonb) owner to plane_kernel;
alter function plane.note_spending(numeric) owner to plane_kernel;
alter function plane.open_escalation(jsonb) owner to plane_kernel;
alter function plane.receive_message(jsonb) owner to plane_kernel;
alter function plane.record_audit(text,text,text,jsonb,jsonb,jsonb) owner to plane_auditor;
alter function plane.record_delivery(jsonb) owner to plane_kernel;
alter function plane.record_firings(jsonb) owner to plane_kernel;
alter function plane.release_escalation(jsonb) owner to plane_kernel;
alter function plane.resolve_escalation(jsonb) owner to plane_kernel;
alter function plane.seal_audit(jsonb) owner to plane_auditor;
alter function plane.search_memories(jsonb) owner to plane_kernel;
alter function plane.settle_handoff(uuid) owner to plane_kernel;
alter function plane.start_queued(jsonb) owner to plane_kernel;
alter function plane.time_out_escalation(jsonb) owner to plane_kernel;
alter function plane.try_hold_handoff(uuid) owner to plane_kernel;
alter function plane.update_agent_records(jsonb) owner to plane_kernel;
alter function plane.update_escalation(jsonb) owner to plane_kernel;
alter function plane.use_link() owner to plane_kernel;
alter function plane.watch_budgets(jsonb) owner to plane_kernel;
grant delete on table plane.agent_records to plane_eraser;
grant delete on table plane.agent_terms to authenticated;
grant delete on table plane.agent_terms to plane_eraser;
grant delete on table plane.agents to plane_eraser;
grant delete on table plane.api_keys to plane_eraser;
grant delete on table plane.audit_entries to plane_eraser;
grant delete on table plane.audit_heads to plane_eraser;
grant delete on table plane.audit_salts to plane_eraser;
grant delete on table plane.audit_seals to plane_eraser;
grant delete on table plane.budgets to authenticated;
grant delete on table plane.budgets to plane_eraser;
grant delete on table plane.budgets to plane_kernel;
grant delete on table plane.checkpoints to plane_eraser;
grant delete on table plane.ended_work to plane_eraser;
grant delete on table plane.erasures to plane_eraser;
grant delete on table plane.escalation_comments to plane_eraser;
grant delete on table plane.escalation_comments to plane_kernel;
grant delete on table plane.escalation_links to plane_eraser;
grant delete on table plane.escalation_links to plane_kernel;
grant delete on table plane.escalation_mails to plane_eraser;
grant delete on table plane.escalation_mails to plane_kernel;
grant delete on table plane.escalations to plane_eraser;
grant delete on table plane.escalations to plane_kernel;
grant delete on table plane.event_feeds to plane_eraser;
grant delete on table plane.event_feeds to plane_kernel;
grant delete on table plane.event_triggers to authenticated;
grant delete on table plane.event_triggers to plane_eraser;
grant delete on table plane.events to plane_eraser;
grant delete on table plane.executions to plane_eraser;
grant delete on table plane.frames to plane_eraser;
grant delete on table plane.handoffs to plane_eraser;
grant delete on table plane.handoffs to plane_kernel;
grant delete on table plane.hooks to authenticated;
grant delete on table plane.hooks to plane_eraser;
grant delete on table plane.idempotency to plane_eraser;
grant delete on table plane.interpretations to plane_eraser;
grant delete on table plane.interpretations to plane_kernel;
grant delete on table plane.invitations to plane_eraser;
grant delete on table plane.locks to plane_eraser;
grant delete on table plane.locks to plane_kernel;
grant delete on table plane.members to plane_eraser;
grant delete on table plane.memories to authenticated;
grant delete on table plane.memories to plane_eraser;
grant delete on table plane.memories to plane_kernel;
grant delete on table plane.meters to plane_eraser;
grant delete on table plane.meters to plane_kernel;
grant delete on table plane.organisations to plane_eraser;
grant delete on table plane.payloads to plane_eraser;
grant delete on table plane.policies to authenticated;
grant delete on table plane.policies to plane_eraser;
grant delete on table plane.quota_counts to plane_eraser;
grant delete on table plane.quota_counts to plane_kernel;
grant delete on table plane.quotas to authenticated;
grant delete on table plane.quotas to plane_eraser;
grant delete on table plane.rate_buckets to plane_eraser;
grant delete on table plane.rate_buckets to plane_gateway;
grant delete on table plane.rate_buckets to plane_kernel;
grant delete on table plane.rate_limits to authenticated;
grant delete on table plane.rate_limits to plane_eraser;
grant delete on table plane.retention to plane_eraser;
grant delete on table plane.schedule_firings to plane_eraser;
grant delete on table plane.schedule_firings to plane_kernel;
grant delete on table plane.schedules to authenticated;
grant delete on table plane.schedules to plane_eraser;
grant delete on table plane.secrets to authenticated;
grant delete on table plane.secrets to plane_eraser;
grant delete on table plane.signals to plane_eraser;
grant delete on table plane.spent_days to plane_eraser;
grant delete on table plane.spent_days to plane_kernel;
grant delete on table plane.state to plane_eraser;
grant delete on table plane.state_history to authenticated;
grant delete on table plane.state_history to plane_eraser;
grant delete on table plane.state_history to plane_kernel;
grant delete on table plane.template_ratings to plane_eraser;
grant delete on table plane.template_uses to plane_eraser;
grant delete on table plane.templates to authenticated;
grant delete on table plane.templates to plane_eraser;
grant delete on table plane.trigger_messages to plane_eraser;
grant delete on table plane.trigger_messages to plane_kernel;
grant delete on table plane.usage_days to plane_eraser;
grant delete on table plane.usage_days to plane_kernel;
grant delete on table plane.violations to plane_eraser;
grant delete on table plane.waits to plane_eraser;
grant delete on table plane.webhook_deliveries to plane_eraser;
grant delete on table plane.webhook_deliveries to plane_kernel;
grant delete on table plane.webhooks to authenticated;
grant delete on table plane.webhooks to plane_eraser;
grant delete on table plane.workflow_versions to plane_eraser;
grant delete on table plane.workflows to plane_eraser;
grant execute on function api.accept_handoff(jsonb) to authenticated;
grant execute on function api.accept_invitation(jsonb) to authenticated;
grant execute on function api.call_as_person(text,jsonb,text,jsonb,jsonb) to authenticated;
grant execute on function api.call_public(text,jsonb) to anon;
grant execute on function api.call_public(text,jsonb) to authenticator;
grant execute on function api.call_with_key(text,text,jsonb,jsonb,jsonb) to anon;
grant execute on function api.call_with_key(text,text,jsonb,jsonb,jsonb) to authenticator;
grant execute on function api.call_with_token(jsonb,text,jsonb,text,jsonb,jsonb) to authenticator;
grant execute on function api.cancel_handoff(jsonb) to authenticated;
grant execute on function api.check_sign_in(jsonb) to authenticated;
grant execute on function api.claim_escalation(jsonb) to authenticated;
grant execute on function api.claim_handoff(jsonb) to authenticated;
grant execute on function api.claim_next_handoff(jsonb) to authenticated;
grant execute on function api.comment_on_escalation(jsonb) to authenticated;
grant execute on function api.complete_handoff(jsonb) to authenticated;
grant execute on function api.create_budget(jsonb) to authenticated;
grant execute on function api.create_escalation(jsonb) to authenticated;
grant execute on function api.create_handoff(jsonb) to authenticated;
grant execute on function api.create_hook(jsonb) to authenticated;
grant execute on function api.create_invitation(jsonb) to authenticated;
grant execute on function api.create_organisation(jsonb) to authenticated;
grant execute on function api.create_policy(jsonb) to authenticated;
grant execute on function api.create_schedule(jsonb) to authenticated;
grant execute on function api.create_trigger(jsonb) to authenticated;
grant execute on function api.create_webhook(jsonb) to authenticated;
grant execute on function api.delete_budget(jsonb) to authenticated;
grant execute on function api.delete_hook(jsonb) to authenticated;
grant execute on function api.delete_memory(jsonb) to authenticated;
grant execute on function api.delete_policy(jsonb) to authenticated;
grant execute on function api.delete_schedule(jsonb) to authenticated;
grant execute on function api.delete_secret(jsonb) to authenticated;
grant execute on function api.delete_trigger(jsonb) to authenticated;
grant execute on function api.delete_webhook(jsonb) to authenticated;
grant execute on function api.discover_agent(jsonb) to authenticated;
grant execute on function api.dismiss_escalation(jsonb) to authenticated;
grant execute on function api.embed_memories(jsonb) to authenticated;
grant execute on function api.erase_organisation(jsonb) to authenticated;
grant execute on function api.erase_person(jsonb) to authenticated;
grant execute on function api.export_audit(jsonb) to authenticated;
grant execute on function api.export_data(jsonb) to authenticated;
grant execute on function api.extend_handoff(jsonb) to authenticated;
grant execute on function api.find_interpretation(jsonb) to authenticated;
grant execute on function api.find_template(jsonb) to authenticated;
grant execute on function api.get_acceptance(jsonb) to authenticated;
grant execute on function api.get_delivery(jsonb) to authenticated;
grant execute on function api.get_escalation(jsonb) to authenticated;
grant execute on function api.get_handoff(jsonb) to authenticated;
grant execute on function api.get_handoff_chain(jsonb) to authenticated;
grant execute on function api.get_hook(jsonb) to authenticated;
grant execute on function api.get_inbox(jsonb) to authenticated;
grant execute on function api.get_limits(jsonb) to authenticated;
grant execute on function api.get_memory(jsonb) to authenticated;
grant execute on function api.get_message(jsonb) to authenticated;
grant execute on function api.get_model_rules(jsonb) to authenticated;
grant execute on function api.get_organisation(jsonb) to authenticated;
grant execute on function api.get_policy(jsonb) to authenticated;
grant execute on function api.get_retention(jsonb) to authenticated;
grant execute on function api.get_schedule(jsonb) to authenticated;
grant execute on function api.get_secret_version(jsonb) to authenticated;
grant execute on function api.get_state_version(jsonb) to authenticated;
grant execute on function api.get_template(jsonb) to authenticated;
grant execute on function api.get_trigger(jsonb) to authenticated;
grant execute on function api.get_usage(jsonb) to authenticated;
grant execute on function api.get_webhook(jsonb) to authenticated;
grant execute on function api.keep_interpretation(jsonb) to authenticated;
grant execute on function api.list_audit(jsonb) to authenticated;
grant execute on function api.list_budgets(jsonb) to authenticated;
grant execute on function api.list_deliveries(jsonb) to authenticated;
grant execute on function api.list_erasures(jsonb) to authenticated;
grant execute on function api.list_escalations(jsonb) to authenticated;
grant execute on function api.list_firings(jsonb) to authenticated;
grant execute on function api.list_handoffs(jsonb) to authenticated;
grant execute on function api.list_hooks(jsonb) to authenticated;
grant execute on function api.list_invitations(jsonb) to authenticated;
grant execute on function api.list_members(jsonb) to authenticated;
grant execute on function api.list_memories(jsonb) to authenticated;
grant execute on function api.list_messages(jsonb) to authenticated;
grant execute on function api.list_namespaces(jsonb) to authenticated;
grant execute on function api.list_organisations(jsonb) to authenticated;
grant execute on function api.list_policies(jsonb) to authenticated;
grant execute on function api.list_schedules(jsonb) to authenticated;
grant execute on function api.list_sealed_secrets(jsonb) to authenticated;
grant execute on function api.list_secrets(jsonb) to authenticated;
grant execute on function api.list_state_history(jsonb) to authenticated;
grant execute on function api.list_template_ratings(jsonb) to authenticated;
grant execute on function api.list_templates(jsonb) to authenticated;
grant execute on function api.list_triggers(jsonb) to authenticated;
grant execute on function api.list_unembedded(jsonb) to authenticated;
grant execute on function api.list_webhooks(jsonb) to authenticated;
grant execute on function api.load_schedule(jsonb) to authenticated;
grant execute on function api.lock_state(jsonb) to authenticated;
grant execute on function api.mail_escalation(jsonb) to authenticated;
grant execute on function api.match_agents(jsonb) to authenticated;
grant execute on function api.note_agent_seen(jsonb) to authenticated;
grant execute on function api.publish_template(jsonb) to authenticated;
grant execute on function api.put_memory(jsonb) to authenticated;
grant execute on function api.put_secret(jsonb) to authenticated;
grant execute on function api.rate_template(jsonb) to authenticated;
grant execute on function api.redeliver_message(jsonb) to authenticated;
grant execute on function api.reject_handoff(jsonb) to authenticated;
grant execute on function api.release_escalation(jsonb) to authenticated;
grant execute on function api.release_handoff(jsonb) to authenticated;
grant execute on function api.remove_member(jsonb) to authenticated;
grant execute on function api.replay_deliveries(jsonb) to authenticated;
grant execute on function api.replay_delivery(jsonb) to authenticated;
grant execute on function api.reseal_secrets(jsonb) to authenticated;
grant execute on function api.resolve_escalation(jsonb) to authenticated;
grant execute on function api.revoke_invitation(jsonb) to authenticated;
grant execute on function api.rotate_hook(jsonb) to authenticated;
grant execute on function api.rotate_key(jsonb) to authenticated;
grant execute on function api.rotate_webhook(jsonb) to authenticated;
grant execute on function api.run_schedule(jsonb) to authenticated;
grant execute on function api.search_memory(jsonb) to authenticated;
grant execute on function api.set_rate_limit(jsonb) to authenticated;
grant execute on function api.set_retention(jsonb) to authenticated;
grant execute on function api.test_webhook(jsonb) to authenticated;
grant execute on function api.unlock_state(jsonb) to authenticated;
grant execute on function api.update_budget(jsonb) to authenticated;
grant execute on function api.update_escalation(jsonb) to authenticated;
grant execute on function api.update_hook(jsonb) to authenticated;
grant execute on function api.update_key(jsonb) to authenticated;
grant execute on function api.update_limits(jsonb) to authenticated;
grant execute on function api.update_member(jsonb) to authenticated;
grant execute on function api.update_organisation(jsonb) to authenticated;
grant execute on function api.update_policy(jsonb) to authenticated;
grant execute on function api.update_schedule(jsonb) to authenticated;
grant execute on function api.update_trigger(jsonb) to authenticated;
grant execute on function api.update_webhook(jsonb) to authenticated;
grant execute on function api.use_template(jsonb) to authenticated;
grant execute on function api.verify_audit(jsonb) to authenticated;
grant execute on function api.withdraw_template(jsonb) to authenticated;
grant execute on function gateway._begin_once(text,text) to plane_gateway;
grant execute on function gateway._call_verb(text,jsonb,jsonb,jsonb) to authenticated;
grant execute on function gateway._call_verb(text,jsonb,jsonb,jsonb) to plane_gateway;
grant execute on function gateway._end_once(text,jsonb) to plane_gateway;
grant execute on function gateway._erase_organisation(plane.erasures,integer) to plane_eraser;
grant execute on function gateway._erase_organisation(plane.erasures,integer) to plane_gateway;
grant execute on function gateway._erase_person(plane.erasures,integer) to plane_eraser;
grant execute on function gateway._erase_person(plane.erasures,integer) to plane_gateway;
grant execute on function gateway._key_range(text[],text[],boolean,boolean) to plane_eraser;
grant execute on function gateway._key_range(text[],text[],boolean,boolean) to plane_gateway;
grant execute on function gateway._lease_tokens(jsonb) to authenticated;
grant execute on function gateway._plane_tables() to plane_eraser;
grant execute on function gateway._plane_tables() to plane_gateway;
grant execute on function gateway._without_names(jsonb,uuid,text[],text) to plane_eraser;
grant execute on function gateway._without_names(jsonb,uuid,text[],text) to plane_gateway;
grant execute on function gateway.accept_invitation(jsonb) to authenticated;
grant execute on function gateway.authenticate_person(text,text) to authenticated;
grant execute on function gateway.authenticate_person(text,text) to authenticator;
grant execute on function gateway.begin_erasure(jsonb) to authenticated;
grant execute on function gateway.begin_erasure(jsonb) to plane_gateway;
grant execute on function gateway.erase_next(jsonb) to plane_gateway;
grant execute on function gateway.erase_next(jsonb) to plane_runner;
grant execute on function gateway.export_page(jsonb) to authenticated;
grant execute on function gateway.export_page(jsonb) to plane_gateway;
grant execute on function gateway.found_organisation(jsonb) to authenticated;
grant execute on function gateway.link_claims(text) to anon;
grant execute on function gateway.link_claims(text) to authenticator;
grant execute on function gateway.list_memberships() to authenticated;
grant execute on function gateway.refuse_public(text) to anon;
grant execute on function gateway.refuse_public(text) to authenticator;
grant execute on function gateway.show_invitation(jsonb) to anon;
grant execute on function gateway.show_invitation(jsonb) to authenticator;
grant execute on function plane._act_for(uuid,uuid) to plane_kernel;
grant execute on function plane._answer_event_waits(uuid,text,jsonb) to plane_kernel;
grant execute on function plane._any_word(text) to plane_kernel;
grant execute on function plane._ask_about_budget(plane.budgets,jsonb) to plane_kernel;
grant execute on function plane._audit_hash(uuid,jsonb) to plane_auditor;
grant execute on function plane._audit_hash(uuid,jsonb) to plane_kernel;
grant execute on function plane._bury_handoff(plane.handoffs) to plane_kernel;
grant execute on function plane._cancel_running(uuid,uuid[]) to plane_kernel;
grant execute on function plane._close_asked(plane.waits) to plane_kernel;
grant execute on function plane._close_escalation(uuid,text,text,jsonb) to plane_kernel;
grant execute on function plane._close_escalation_of(plane.waits) to plane_kernel;
grant execute on function plane._close_handoff_of(plane.waits) to plane_kernel;
grant execute on function plane._count_large_quotas(uuid,bigint) to plane_kernel;
grant execute on function plane._count_usage(uuid,jsonb) to plane_kernel;
grant execute on function plane._count_used(uuid,text,bigint) to authenticated;
grant execute on function plane._count_used(uuid,text,bigint) to plane_kernel;
grant execute on function plane._count_votes(jsonb,text,integer) to plane_kernel;
grant execute on function plane._decision_of(plane.escalations) to plane_kernel;
grant execute on function plane._disable_webhook(plane.webhooks,text) to plane_kernel;
grant execute on function plane._escalation_of(plane.waits) to plane_kernel;
grant execute on function plane._find_target(uuid,text,integer) to plane_kernel;
grant execute on function plane._fire_schedule(plane.schedules,jsonb) to plane_kernel;
grant execute on function plane._forget_state(integer) to plane_kernel;
grant execute on function plane._hold_frame_of_handoff(plane.handoffs,boolean) to plane_kernel;
grant execute on function plane._lapse_handoff(plane.handoffs,text,text) to plane_kernel;
grant execute on function plane._last_attempts(jsonb) to plane_kernel;
grant execute on function plane._lock_due_webhooks(timestamp with time zone,integer) to plane_kernel;
grant execute on function plane._lock_feeds(text,xid8,integer) to plane_kernel;
grant execute on function plane._matches_event(text,text[]) to plane_kernel;
grant execute on function plane._may_be_mailed(plane.escalations,plane.members) to plane_kernel;
grant execute on function plane._meter_events(plane.meters,xid8) to plane_kernel;
grant execute on function plane._meter_org(plane.meters,bigint) to plane_kernel;
grant execute on function plane._meter_steps(plane.meters,xid8) to plane_kernel;
grant execute on function plane._nearest_memories(uuid,jsonb,text,integer) to plane_kernel;
grant execute on function plane._note_escalation(plane.escalations,text,jsonb) to plane_kernel;
grant execute on function plane._note_handoff(plane.handoffs,text) to plane_kernel;
grant execute on function plane._note_quota_reached(uuid,text,bigint,bigint) to authenticated;
grant execute on function plane._note_quota_reached(uuid,text,bigint,bigint) to plane_kernel;
grant execute on function plane._open_escalation(uuid,jsonb) to plane_kernel;
grant execute on function plane._open_escalation_of(plane.waits) to plane_kernel;
grant execute on function plane._open_handoff(plane.frames,jsonb) to plane_kernel;
grant execute on function plane._period_start(text,timestamp with time zone) to authenticated;
grant execute on function plane._period_start(text,timestamp with time zone) to plane_kernel;
grant execute on function plane._provider_keys() to plane_kernel;
grant execute on function plane._read_assignees(jsonb) to plane_kernel;
grant execute on function plane._read_on(plane.event_feeds,xid8,integer) to plane_kernel;
grant execute on function plane._record_event(uuid,uuid,text,text,jsonb) to authenticated;
grant execute on function plane._refuse_over_budget(uuid,uuid,uuid) to plane_kernel;
grant execute on function plane._refuse_over_quota(text,bigint,bigint) to authenticated;
grant execute on function plane._refuse_over_quota(text,bigint,bigint) to plane_kernel;
grant execute on function plane._refuse_own_event(text) to plane_kernel;
grant execute on function plane._release_over_budget(plane.budgets,text) to plane_kernel;
grant execute on function plane._require_decider(text) to plane_kernel;
grant execute on function plane._require_escalation(uuid) to plane_kernel;
grant execute on function plane._require_may_answer(plane.escalations) to plane_kernel;
grant execute on function plane._require_open(plane.escalations) to plane_kernel;
grant execute on function plane._require_org() to plane_auditor;
grant execute on function plane._require_org() to plane_eraser;
grant execute on function plane._resolve_question(uuid,jsonb) to plane_kernel;
grant execute on function plane._running_firings(uuid) to plane_kernel;
grant execute on function plane._settle_handoff(plane.handoffs) to plane_kernel;
grant execute on function plane._shown_votes(jsonb) to plane_kernel;
grant execute on function plane._skip_firing(plane.schedules,text,timestamp with time zone,timestamp with time zone,integer) to plane_kernel;
grant execute on function plane._spent_since(uuid,date) to authenticated;
grant execute on function plane._spent_since(uuid,date) to plane_kernel;
grant execute on function plane._start_for(uuid,uuid,uuid,jsonb) to plane_kernel;
grant execute on function plane._start_scheduled(plane.schedules,timestamp with time zone,uuid,jsonb) to plane_kernel;
grant execute on function plane._take_budget_answer(plane.budgets,date) to plane_kernel;
grant execute on function plane._take_decision(plane.waits) to plane_kernel;
grant execute on function plane._vector_of(jsonb) to plane_kernel;
grant execute on function plane._watch_budget(uuid,jsonb) to plane_kernel;
grant execute on function plane._with_vote(jsonb,jsonb) to plane_kernel;
grant execute on function plane.agent_of(text) to authenticated;
grant execute on function plane.agent_of(text) to plane_kernel;
grant execute on function plane.agent_said(plane.agents) to authenticated;
grant execute on function plane.agent_said(plane.agents) to plane_kernel;
grant execute on function plane.agent_skills(jsonb) to authenticated;
grant execute on function plane.agent_skills(jsonb) to plane_kernel;
grant execute on function plane.announce_escalations(jsonb) to plane_runner;
grant execute on function plane.audit_json(plane.audit_entries) to authenticated;
grant execute on function plane.audit_json(plane.audit_entries) to plane_kernel;
grant execute on function plane.audit_problem(text,bigint,bigint,text) to authenticated;
grant execute on function plane.audit_problem(text,bigint,bigint,text) to plane_kernel;
grant execute on function plane.budget_json(plane.budgets,jsonb) to authenticated;
grant execute on function plane.budget_json(plane.budgets,jsonb) to plane_kernel;
grant execute on function plane.budget_states(uuid) to authenticated;
grant execute on function plane.budget_states(uuid) to plane_kernel;
grant execute on function plane.bury_state(jsonb) to authenticated;
grant execute on function plane.bury_state(jsonb) to plane_kernel;
grant execute on function plane.caller_actor() to authenticated;
grant execute on function plane.caller_actor() to plane_eraser;
grant execute on function plane.caller_actor() to plane_kernel;
grant execute on function plane.caller_claims() to plane_auditor;
grant execute on function plane.caller_claims() to plane_eraser;
grant execute on function plane.caller_claims() to plane_gateway;
grant execute on function plane.caller_has_scope(text) to plane_eraser;
grant execute on function plane.caller_id() to authenticated;
grant execute on function plane.caller_id() to plane_kernel;
grant execute on function plane.caller_org() to plane_auditor;
grant execute on function plane.caller_org() to plane_eraser;
grant execute on function plane.caller_person() to authenticated;
grant execute on function plane.caller_person() to plane_auditor;
grant execute on function plane.caller_person() to plane_eraser;
grant execute on function plane.caller_person() to plane_gateway;
grant execute on function plane.caller_person() to plane_kernel;
grant execute on function plane.caller_trace() to authenticated;
grant execute on function plane.caller_trace() to plane_auditor;
grant execute on function plane.caller_trace() to plane_kernel;
grant execute on function plane.check_memory(jsonb,timestamp with time zone) to authenticated;
grant execute on function plane.check_memory(jsonb,timestamp with time zone) to plane_kernel;
grant execute on function plane.check_quota(text) to authenticated;
grant execute on function plane.check_quota(text) to plane_kernel;
grant execute on function plane.claim_deliveries(jsonb) to plane_runner;
grant execute on function plane.claim_escalation(jsonb) to authenticated;
grant execute on function plane.claim_mails(jsonb) to plane_runner;
grant execute on function plane.claim_messages(jsonb) to plane_runner;
grant execute on function plane.claim_schedules(jsonb) to plane_runner;
grant execute on function plane.clock() to plane_auditor;
grant execute on function plane.clock() to plane_eraser;
grant execute on function plane.comment_on_escalation(jsonb) to authenticated;
grant execute on function plane.count_quotas(jsonb) to plane_runner;
grant execute on function plane.delivery_json(plane.webhook_deliveries) to authenticated;
grant execute on function plane.delivery_json(plane.webhook_deliveries) to plane_kernel;
grant execute on function plane.dismiss_escalation(jsonb) to authenticated;
grant execute on function plane.drop_payloads(jsonb) to plane_runner;
grant execute on function plane.end_handoff(plane.handoffs,text,text,uuid,jsonb,jsonb) to authenticated;
grant execute on function plane.end_handoff(plane.handoffs,text,text,uuid,jsonb,jsonb) to plane_kernel;
grant execute on function plane.erasure_json(plane.erasures) to authenticated;
grant execute on function plane.erasure_json(plane.erasures) to plane_kernel;
grant execute on function plane.escalation_json(plane.escalations,boolean) to authenticated;
grant execute on function plane.escalation_json(plane.escalations,boolean) to plane_kernel;
grant execute on function plane.event_body(plane.events) to authenticated;
grant execute on function plane.event_body(plane.events) to plane_kernel;
grant execute on function plane.event_type(text,text) to authenticated;
grant execute on function plane.event_type(text,text) to plane_kernel;
grant execute on function plane.expire_handoffs(jsonb) to plane_runner;
grant execute on function plane.fan_out_triggers(jsonb) to plane_runner;
grant execute on function plane.fan_out_webhooks(jsonb) to plane_runner;
grant execute on function plane.find_delivery(uuid) to authenticated;
grant execute on function plane.find_delivery(uuid) to plane_kernel;
grant execute on function plane.find_escalation(text) to authenticated;
grant execute on function plane.find_escalation(text) to plane_kernel;
grant execute on function plane.find_handoff(uuid) to authenticated;
grant execute on function plane.find_handoff(uuid) to plane_kernel;
grant execute on function plane.find_hook(jsonb) to plane_runner;
grant execute on function plane.find_member(uuid) to authenticated;
grant execute on function plane.find_member(uuid) to plane_kernel;
grant execute on function plane.find_message(uuid) to authenticated;
grant execute on function plane.find_message(uuid) to plane_kernel;
grant execute on function plane.find_policy(uuid) to authenticated;
grant execute on function plane.find_policy(uuid) to plane_kernel;
grant execute on function plane.find_schedule(uuid) to authenticated;
grant execute on function plane.find_schedule(uuid) to plane_kernel;
grant execute on function plane.find_trigger(uuid) to authenticated;
grant execute on function plane.find_trigger(uuid) to plane_kernel;
grant execute on function plane.find_webhook(uuid) to authenticated;
grant execute on function plane.find_webhook(uuid) to plane_kernel;
grant execute on function plane.finish_message(jsonb) to plane_runner;
grant execute on function plane.firing_json(plane.schedule_firings) to authenticated;
grant execute on function plane.firing_json(plane.schedule_firings) to plane_kernel;
grant execute on function plane.fits_handoff(plane.agents,plane.handoffs) to authenticated;
grant execute on function plane.fits_handoff(plane.agents,plane.handoffs) to plane_kernel;
grant execute on function plane.forget_triggered(jsonb) to plane_runner;
grant execute on function plane.get_plane_health(jsonb) to plane_runner;
grant execute on function plane.give_back_handoff(uuid,text) to authenticated;
grant execute on function plane.handoff_json(plane.handoffs) to authenticated;
grant execute on function plane.handoff_json(plane.handoffs) to plane_kernel;
grant execute on function plane.handoff_line(plane.handoffs) to authenticated;
grant execute on function plane.handoff_line(plane.handoffs) to plane_kernel;
grant execute on function plane.hold_handoff(uuid) to authenticated;
grant execute on function plane.hook_json(plane.hooks) to authenticated;
grant execute on function plane.hook_json(plane.hooks) to plane_kernel;
grant execute on function plane.inbox_execution(plane.executions) to authenticated;
grant execute on function plane.inbox_execution(plane.executions) to plane_kernel;
grant execute on function plane.inbox_handoffs(uuid,integer) to authenticated;
grant execute on function plane.inbox_handoffs(uuid,integer) to plane_kernel;
grant execute on function plane.index_agent(plane.agents) to authenticated;
grant execute on function plane.index_agent(plane.agents) to plane_kernel;
grant execute on function plane.invitation_json(plane.invitations) to authenticated;
grant execute on function plane.invitation_json(plane.invitations) to plane_kernel;
grant execute on function plane.is_assigned(jsonb,jsonb) to authenticated;
grant execute on function plane.is_assigned(jsonb,jsonb) to plane_kernel;
grant execute on function plane.keep_history(plane.state,timestamp with time zone,text) to authenticated;
grant execute on function plane.keep_history(plane.state,timestamp with time zone,text) to plane_kernel;
grant execute on function plane.key_end(double precision) to authenticated;
grant execute on function plane.key_end(double precision) to plane_kernel;
grant execute on function plane.key_event(plane.api_keys) to authenticated;
grant execute on function plane.key_event(plane.api_keys) to plane_kernel;
grant execute on function plane.known_seal(bigint,text,text) to authenticated;
grant execute on function plane.known_seal(bigint,text,text) to plane_kernel;
grant execute on function plane.listen(text) to authenticated;
grant execute on function plane.listen(text) to plane_kernel;
grant execute on function plane.load_guard(jsonb) to plane_runner;
grant execute on function plane.load_secrets(jsonb) to plane_runner;
grant execute on function plane.lock_json(plane.locks) to authenticated;
grant execute on function plane.lock_json(plane.locks) to plane_kernel;
grant execute on function plane.lock_key(text) to authenticated;
grant execute on function plane.lock_key(text) to plane_kernel;
grant execute on function plane.mail_escalation(jsonb) to authenticated;
grant execute on function plane.manages_members() to plane_kernel;
grant execute on function plane.match_asked(jsonb) to authenticated;
grant execute on function plane.match_asked(jsonb) to plane_kernel;
grant execute on function plane.match_reasons(jsonb,jsonb) to authenticated;
grant execute on function plane.match_reasons(jsonb,jsonb) to plane_kernel;
grant execute on function plane.match_weights(jsonb) to authenticated;
grant execute on function plane.match_weights(jsonb) to plane_kernel;
grant execute on function plane.may_be_taken(plane.handoffs) to authenticated;
grant execute on function plane.may_be_taken(plane.handoffs) to plane_kernel;
grant execute on function plane.member_json(plane.members) to authenticated;
grant execute on function plane.member_json(plane.members) to plane_kernel;
grant execute on function plane.memory_json(plane.memories) to authenticated;
grant execute on function plane.memory_json(plane.memories) to plane_kernel;
grant execute on function plane.message_json(plane.trigger_messages) to authenticated;
grant execute on function plane.message_json(plane.trigger_messages) to plane_kernel;
grant execute on function plane.meter_requests(jsonb) to plane_runner;
grant execute on function plane.meter_usage(jsonb) to plane_runner;
grant execute on function plane.model_rules() to authenticated;
grant execute on function plane.needs_another(plane.escalations) to authenticated;
grant execute on function plane.needs_another(plane.escalations) to plane_kernel;
grant execute on function plane.note_agent_change(plane.agents,plane.agents) to authenticated;
grant execute on function plane.note_agent_change(plane.agents,plane.agents) to plane_kernel;
grant execute on function plane.note_agent_health(jsonb) to plane_runner;
grant execute on function plane.note_chore(jsonb) to plane_runner;
grant execute on function plane.note_event(text,jsonb,uuid) to authenticated;
grant execute on function plane.note_event(text,jsonb,uuid) to plane_kernel;
grant execute on function plane.note_handoff(plane.handoffs,text,text,jsonb) to authenticated;
grant execute on function plane.note_handoff(plane.handoffs,text,text,jsonb) to plane_kernel;
grant execute on function plane.note_mail(jsonb) to plane_runner;
grant execute on function plane.note_policy(jsonb) to plane_runner;
grant execute on function plane.note_spending(numeric) to authenticated;
grant execute on function plane.offered_handoffs(uuid,integer) to authenticated;
grant execute on function plane.offered_handoffs(uuid,integer) to plane_kernel;
grant execute on function plane.offered_types(jsonb,jsonb) to authenticated;
grant execute on function plane.offered_types(jsonb,jsonb) to plane_kernel;
grant execute on function plane.open_escalation(jsonb) to authenticated;
grant execute on function plane.open_work(uuid) to authenticated;
grant execute on function plane.open_work(uuid) to plane_kernel;
grant execute on function plane.policy_json(plane.policies) to authenticated;
grant execute on function plane.policy_json(plane.policies) to plane_kernel;
grant execute on function plane.quota_defaults() to authenticated;
grant execute on function plane.quota_defaults() to plane_kernel;
grant execute on function plane.raise_error(integer,text,text,text,jsonb) to plane_auditor;
grant execute on function plane.raise_error(integer,text,text,text,jsonb) to plane_eraser;
grant execute on function plane.raise_lock_lost(jsonb,plane.locks) to authenticated;
grant execute on function plane.raise_lock_lost(jsonb,plane.locks) to plane_kernel;
grant execute on function plane.raise_name_taken(text,text) to authenticated;
grant execute on function plane.raise_name_taken(text,text) to plane_kernel;
grant execute on function plane.raise_no_escalation(uuid) to authenticated;
grant execute on function plane.raise_no_escalation(uuid) to plane_kernel;
grant execute on function plane.real_array(jsonb) to authenticated;
grant execute on function plane.real_array(jsonb) to plane_kernel;
grant execute on function plane.receive_message(jsonb) to plane_runner;
grant execute on function plane.record_audit(text,text,text,jsonb,jsonb,jsonb) to authenticated;
grant execute on function plane.record_audit(text,text,text,jsonb,jsonb,jsonb) to plane_kernel;
grant execute on function plane.record_delivery(jsonb) to plane_runner;
grant execute on function plane.record_firings(jsonb) to plane_runner;
grant execute on function plane.record_json(plane.agent_records) to authenticated;
grant execute on function plane.record_json(plane.agent_records) to plane_kernel;
grant execute on function plane.record_plane_audit(uuid,text,text,text,jsonb) to plane_kernel;
grant execute on function plane.refusal_of(plane.escalations,uuid,jsonb) to authenticated;
grant execute on function plane.refusal_of(plane.escalations,uuid,jsonb) to plane_kernel;
grant execute on function plane.refusal_to_answer(plane.escalations) to authenticated;
grant execute on function plane.refusal_to_answer(plane.escalations) to plane_kernel;
grant execute on function plane.refuse_handoff_loop(uuid,uuid,uuid,integer) to authenticated;
grant execute on function plane.refuse_handoff_loop(uuid,uuid,uuid,integer) to plane_kernel;
grant execute on function plane.refuse_handoff_state(plane.handoffs,text) to authenticated;
grant execute on function plane.refuse_handoff_state(plane.handoffs,text) to plane_kernel;
grant execute on function plane.release_escalation(jsonb) to authenticated;
grant execute on function plane.require_addressee(plane.handoffs,uuid) to authenticated;
grant execute on function plane.require_addressee(plane.handoffs,uuid) to plane_kernel;
grant execute on function plane.require_claim(plane.handoffs,text,text) to authenticated;
grant execute on function plane.require_claim(plane.handoffs,text,text) to plane_kernel;
grant execute on function plane.require_hook(uuid) to authenticated;
grant execute on function plane.require_hook(uuid) to plane_kernel;
grant execute on function plane.require_live_agent(uuid,text) to authenticated;
grant execute on function plane.require_live_agent(uuid,text) to plane_kernel;
grant execute on function plane.require_lock(jsonb) to authenticated;
grant execute on function plane.require_lock(jsonb) to plane_kernel;
grant execute on function plane.require_may_appoint(text[]) to authenticated;
grant execute on function plane.require_may_appoint(text[]) to plane_kernel;
grant execute on function plane.require_other_manager(plane.api_keys) to authenticated;
grant execute on function plane.require_other_manager(plane.api_keys) to plane_kernel;
grant execute on function plane.require_other_owner(uuid) to authenticated;
grant execute on function plane.require_other_owner(uuid) to plane_kernel;
grant execute on function plane.require_person(text) to authenticated;
grant execute on function plane.require_person(text) to plane_eraser;
grant execute on function plane.require_person(text) to plane_kernel;
grant execute on function plane.require_scopes_of(text[],text) to authenticated;
grant execute on function plane.require_scopes_of(text[],text) to plane_kernel;
grant execute on function plane.require_taker(plane.handoffs,uuid) to authenticated;
grant execute on function plane.require_taker(plane.handoffs,uuid) to plane_kernel;
grant execute on function plane.require_user() to authenticated;
grant execute on function plane.require_user() to plane_gateway;
grant execute on function plane.require_user() to plane_kernel;
grant execute on function plane.require_workflow(uuid) to authenticated;
grant execute on function plane.require_workflow(uuid) to plane_kernel;
grant execute on function plane.resolve_escalation(jsonb) to authenticated;
grant execute on function plane.role_scopes(text) to authenticated;
grant execute on function plane.role_scopes(text) to plane_gateway;
grant execute on function plane.role_scopes(text) to plane_kernel;
grant execute on function plane.schedule_json(plane.schedules) to authenticated;
grant execute on function plane.schedule_json(plane.schedules) to plane_kernel;
grant execute on function plane.schema_fit(jsonb,jsonb) to authenticated;
grant execute on function plane.schema_fit(jsonb,jsonb) to plane_kernel;
grant execute on function plane.seal_audit(jsonb) to plane_kernel;
grant execute on function plane.seal_audit(jsonb) to plane_runner;
grant execute on function plane.seal_problem(plane.audit_seals,plane.audit_entries,bigint,text) to authenticated;
grant execute on function plane.seal_problem(plane.audit_seals,plane.audit_entries,bigint,text) to plane_kernel;
grant execute on function plane.seal_text(plane.audit_entries,bigint,text) to authenticated;
grant execute on function plane.seal_text(plane.audit_entries,bigint,text) to plane_auditor;
grant execute on function plane.seal_text(plane.audit_entries,bigint,text) to plane_kernel;
grant execute on function plane.search_memories(jsonb) to authenticated;
grant execute on function plane.secret_json(plane.secrets) to authenticated;
grant execute on function plane.secret_json(plane.secrets) to plane_kernel;
grant execute on function plane.settle_handoff(uuid) to authenticated;
grant execute on function plane.shingles(text) to authenticated;
grant execute on function plane.shingles(text) to plane_kernel;
grant execute on function plane.similar_terms(text,text) to authenticated;
grant execute on function plane.similar_terms(text,text) to plane_kernel;
grant execute on function plane.slug(text) to authenticated;
grant execute on function plane.slug(text) to plane_kernel;
grant execute on function plane.start_queued(jsonb) to plane_runner;
grant execute on function plane.state_versions(jsonb) to authenticated;
grant execute on function plane.state_versions(jsonb) to plane_kernel;
grant execute on function plane.stems(text) to authenticated;
grant execute on function plane.stems(text) to plane_kernel;
grant execute on function plane.take_handoff(plane.handoffs,uuid,numeric) to authenticated;
grant execute on function plane.take_handoff(plane.handoffs,uuid,numeric) to plane_kernel;
grant execute on function plane.template_json(plane.templates,boolean) to authenticated;
grant execute on function plane.template_json(plane.templates,boolean) to plane_kernel;
grant execute on function plane.template_standing(text) to authenticated;
grant execute on function plane.template_standing(text) to plane_kernel;
grant execute on function plane.time_out_escalation(jsonb) to plane_runner;
grant execute on function plane.time_text(timestamp with time zone) to plane_auditor;
grant execute on function plane.trigger_json(plane.event_triggers) to authenticated;
grant execute on function plane.trigger_json(plane.event_triggers) to plane_kernel;
grant execute on function plane.try_hold_handoff(uuid) to authenticated;
grant execute on function plane.type_fits(jsonb,jsonb) to authenticated;
grant execute on function plane.type_fits(jsonb,jsonb) to plane_kernel;
grant execute on function plane.unsealed_problem(bigint,bigint,bigint,plane.audit_heads,text) to authenticated;
grant execute on function plane.unsealed_problem(bigint,bigint,bigint,plane.audit_heads,text) to plane_kernel;
grant execute on function plane.update_agent_records(jsonb) to plane_runner;
grant execute on function plane.update_escalation(jsonb) to authenticated;
grant execute on function plane.use_link() to authenticated;
grant execute on function plane.waiting_handoffs(uuid) to authenticated;
grant execute on function plane.waiting_handoffs(uuid) to plane_kernel;
grant execute on function plane.waiting_work(uuid,timestamp with time zone) to authenticated;
grant execute on function plane.waiting_work(uuid,timestamp with time zone) to plane_kernel;
grant execute on function plane.watch_budgets(jsonb) to plane_runner;
grant execute on function plane.webhook_json(plane.webhooks) to authenticated;
grant execute on function plane.webhook_json(plane.webhooks) to plane_kernel;
grant execute on function plane.wilson(integer,integer) to authenticated;
grant execute on function plane.wilson(integer,integer) to plane_kernel;
grant execute on function plane.write_state(jsonb,plane.state,jsonb,text,boolean) to authenticated;
grant execute on function plane.write_state(jsonb,plane.state,jsonb,text,boolean) to plane_kernel;
grant insert on table gateway.chore_runs to plane_kernel;
grant insert on table gateway.settings to plane_gateway;
grant insert on table plane.agent_records to plane_kernel;
grant insert on table plane.agent_terms to authenticated;
grant insert on table plane.audit_entries to plane_auditor;
grant insert on table plane.audit_heads to plane_auditor;
grant insert on table plane.audit_salts to plane_auditor;
grant insert on table plane.audit_seals to plane_auditor;
grant insert on table plane.budgets to authenticated;
grant insert on table plane.budgets to plane_kernel;
grant insert on table plane.erasures to plane_eraser;
grant insert on table plane.escalation_comments to plane_kernel;
grant insert on table plane.escalation_links to plane_kernel;
grant insert on table plane.escalation_mails to plane_kernel;
grant insert on table plane.escalations to plane_kernel;
grant insert on table plane.event_feeds to authenticated;
grant insert on table plane.event_triggers to authenticated;
grant insert on table plane.handoffs to authenticated;
grant insert on table plane.handoffs to plane_kernel;
grant insert on table plane.hooks to authenticated;
grant insert on table plane.interpretations to authenticated;
grant insert on table plane.invitations to authenticated;
grant insert on table plane.locks to authenticated;
grant insert on table plane.members to plane_gateway;
grant insert on table plane.memories to authenticated;
grant insert on table plane.meters to plane_kernel;
grant insert on table plane.policies to authenticated;
grant insert on table plane.quota_counts to authenticated;
grant insert on table plane.quota_counts to plane_kernel;
grant insert on table plane.quotas to authenticated;
grant insert on table plane.rate_buckets to plane_gateway;
grant insert on table plane.rate_buckets to plane_kernel;
grant insert on table plane.rate_limits to authenticated;
grant insert on table plane.retention to authenticated;
grant insert on table plane.schedule_firings to authenticated;
grant insert on table plane.schedule_firings to plane_kernel;
grant insert on table plane.schedules to authenticated;
grant insert on table plane.secrets to authenticated;
grant insert on table plane.spent_days to plane_kernel;
grant insert on table plane.state_history to authenticated;
grant insert on table plane.state_history to plane_kernel;
grant insert on table plane.template_ratings to authenticated;
grant insert on table plane.template_uses to authenticated;
grant insert on table plane.templates to authenticated;
grant insert on table plane.trigger_messages to plane_kernel;
grant insert on table plane.usage_days to plane_kernel;
grant insert on table plane.webhook_deliveries to authenticated;
grant insert on table plane.webhook_deliveries to plane_kernel;
grant insert on table plane.webhooks to authenticated;
grant select on sequence plane.feed_id to plane_kernel;
grant select on table gateway.chore_runs to plane_kernel;
grant select on table gateway.settings to plane_gateway;
grant select on table plane.agent_records to authenticated;
grant select on table plane.agent_records to plane_eraser;
grant select on table plane.agent_records to plane_kernel;
grant select on table plane.agent_terms to authenticated;
grant select on table plane.agent_terms to plane_eraser;
grant select on table plane.agents to plane_eraser;
grant select on table plane.agents to plane_kernel;
grant select on table plane.api_keys to plane_eraser;
grant select on table plane.audit_entries to plane_auditor;
grant select on table plane.audit_entries to plane_eraser;
grant select on table plane.audit_heads to authenticated;
grant select on table plane.audit_heads to plane_auditor;
grant select on table plane.audit_heads to plane_eraser;
grant select on table plane.audit_salts to plane_auditor;
grant select on table plane.audit_salts to plane_eraser;
grant select on table plane.audit_seals to authenticated;
grant select on table plane.audit_seals to plane_auditor;
grant select on table plane.audit_seals to plane_eraser;
grant select on table plane.budgets to authenticated;
grant select on table plane.budgets to plane_eraser;
grant select on table plane.budgets to plane_kernel;
grant select on table plane.checkpoints to plane_eraser;
grant select on table plane.ended_work to plane_eraser;
grant select on table plane.ended_work to plane_kernel;
grant select on table plane.erasures to authenticated;
grant select on table plane.erasures to plane_eraser;
grant select on table plane.escalation_comments to authenticated;
grant select on table plane.escalation_comments to plane_eraser;
grant select on table plane.escalation_comments to plane_kernel;
grant select on table plane.escalation_links to authenticated;
grant select on table plane.escalation_links to plane_eraser;
grant select on table plane.escalation_links to plane_gateway;
grant select on table plane.escalation_links to plane_kernel;
grant select on table plane.escalation_mails to authenticated;
grant select on table plane.escalation_mails to plane_eraser;
grant select on table plane.escalation_mails to plane_kernel;
grant select on table plane.escalations to authenticated;
grant select on table plane.escalations to plane_eraser;
grant select on table plane.escalations to plane_gateway;
grant select on table plane.escalations to plane_kernel;
grant select on table plane.event_feeds to authenticated;
grant select on table plane.event_feeds to plane_eraser;
grant select on table plane.event_feeds to plane_kernel;
grant select on table plane.event_triggers to authenticated;
grant select on table plane.event_triggers to plane_eraser;
grant select on table plane.event_triggers to plane_kernel;
grant select on table plane.events to plane_eraser;
grant select on table plane.executions to plane_eraser;
grant select on table plane.frames to plane_eraser;
grant select on table plane.handoffs to authenticated;
grant select on table plane.handoffs to plane_eraser;
grant select on table plane.handoffs to plane_kernel;
grant select on table plane.hooks to authenticated;
grant select on table plane.hooks to plane_eraser;
grant select on table plane.hooks to plane_kernel;
grant select on table plane.idempotency to plane_eraser;
grant select on table plane.interpretations to authenticated;
grant select on table plane.interpretations to plane_eraser;
grant select on table plane.interpretations to plane_kernel;
grant select on table plane.invitations to authenticated;
grant select on table plane.invitations to plane_eraser;
grant select on table plane.invitations to plane_gateway;
grant select on table plane.locks to authenticated;
grant select on table plane.locks to plane_eraser;
grant select on table plane.locks to plane_kernel;
grant select on table plane.members to authenticated;
grant select on table plane.members to plane_eraser;
grant select on table plane.members to plane_gateway;
grant select on table plane.members to plane_kernel;
grant select on table plane.memories to authenticated;
grant select on table plane.memories to plane_eraser;
grant select on table plane.memories to plane_kernel;
grant select on table plane.meters to authenticated;
grant select on table plane.meters to plane_eraser;
grant select on table plane.meters to plane_kernel;
grant select on table plane.organisations to plane_eraser;
grant select on table plane.organisations to plane_kernel;
grant select on table plane.payloads to plane_eraser;
grant select on table plane.policies to authenticated;
grant select on table plane.policies to plane_eraser;
grant select on table plane.policies to plane_kernel;
grant select on table plane.quota_counts to authenticated;
grant select on table plane.quota_counts to plane_eraser;
grant select on table plane.quota_counts to plane_kernel;
grant select on table plane.quotas to authenticated;
grant select on table plane.quotas to plane_eraser;
grant select on table plane.quotas to plane_kernel;
grant select on table plane.rate_buckets to authenticated;
grant select on table plane.rate_buckets to plane_eraser;
grant select on table plane.rate_buckets to plane_gateway;
grant select on table plane.rate_buckets to plane_kernel;
grant select on table plane.rate_limits to authenticated;
grant select on table plane.rate_limits to plane_eraser;
grant select on table plane.rate_limits to plane_gateway;
grant select on table plane.retention to authenticated;
grant select on table plane.retention to plane_eraser;
grant select on table plane.retention to plane_kernel;
grant select on table plane.schedule_firings to authenticated;
grant select on table plane.schedule_firings to plane_eraser;
grant select on table plane.schedule_firings to plane_kernel;
grant select on table plane.schedules to authenticated;
grant select on table plane.schedules to plane_eraser;
grant select on table plane.schedules to plane_kernel;
grant select on table plane.secrets to authenticated;
grant select on table plane.secrets to plane_eraser;
grant select on table plane.secrets to plane_kernel;
grant select on table plane.signals to plane_eraser;
grant select on table plane.spent_days to authenticated;
grant select on table plane.spent_days to plane_eraser;
grant select on table plane.spent_days to plane_kernel;
grant select on table plane.state to plane_eraser;
grant select on table plane.state_history to authenticated;
grant select on table plane.state_history to plane_eraser;
grant select on table plane.state_history to plane_kernel;
grant select on table plane.template_ratings to authenticated;
grant select on table plane.template_ratings to plane_eraser;
grant select on table plane.template_uses to authenticated;
grant select on table plane.template_uses to plane_eraser;
grant select on table plane.templates to authenticated;
grant select on table plane.templates to plane_eraser;
grant select on table plane.trigger_messages to authenticated;
grant select on table plane.trigger_messages to plane_eraser;
grant select on table plane.trigger_messages to plane_kernel;
grant select on table plane.usage_days to authenticated;
grant select on table plane.usage_days to plane_eraser;
grant select on table plane.usage_days to plane_kernel;
grant select on table plane.violations to plane_eraser;
grant select on table plane.violations to plane_kernel;
grant select on table plane.waits to plane_eraser;
grant select on table plane.webhook_deliveries to authenticated;
grant select on table plane.webhook_deliveries to plane_eraser;
grant select on table plane.webhook_deliveries to plane_kernel;
grant select on table plane.webhooks to authenticated;
grant select on table plane.webhooks to plane_eraser;
grant select on table plane.webhooks to plane_kernel;
grant select on table plane.workflow_versions to plane_eraser;
grant select on table plane.workflows to plane_eraser;
grant update on table gateway.chore_runs to plane_kernel;
grant update on table gateway.settings to plane_gateway;
grant update on table plane.agent_records to plane_eraser;
grant update on table plane.agent_records to plane_kernel;
grant update on table plane.agent_terms to authenticated;
grant update on table plane.agent_terms to plane_eraser;
grant update on table plane.agents to plane_eraser;
grant update on table plane.api_keys to plane_eraser;
grant update on table plane.audit_entries to plane_auditor;
grant update on table plane.audit_entries to plane_eraser;
grant update on table plane.audit_heads to plane_auditor;
grant update on table plane.budgets to authenticated;
grant update on table plane.budgets to plane_eraser;
grant update on table plane.budgets to plane_kernel;
grant update on table plane.checkpoints to plane_eraser;
grant update on table plane.ended_work to plane_eraser;
grant update on table plane.erasures to plane_eraser;
grant update on table plane.escalation_comments to plane_eraser;
grant update on table plane.escalation_comments to plane_kernel;
grant update on table plane.escalation_links to plane_eraser;
grant update on table plane.escalation_links to plane_kernel;
grant update on table plane.escalation_mails to plane_eraser;
grant update on table plane.escalation_mails to plane_kernel;
grant update on table plane.escalations to plane_eraser;
grant update on table plane.escalations to plane_kernel;
grant update on table plane.event_feeds to authenticated;
grant update on table plane.event_feeds to plane_eraser;
grant update on table plane.event_feeds to plane_kernel;
grant update on table plane.event_triggers to authenticated;
grant update on table plane.event_triggers to plane_eraser;
grant update on table plane.events to plane_eraser;
grant update on table plane.executions to plane_eraser;
grant update on table plane.frames to plane_eraser;
grant update on table plane.handoffs to authenticated;
grant update on table plane.handoffs to plane_eraser;
grant update on table plane.handoffs to plane_kernel;
grant update on table plane.hooks to authenticated;
grant update on table plane.hooks to plane_eraser;
grant update on table plane.hooks to plane_kernel;
grant update on table plane.idempotency to plane_eraser;
grant update on table plane.interpretations to authenticated;
grant update on table plane.interpretations to plane_eraser;
grant update on table plane.interpretations to plane_kernel;
grant update on table plane.invitations to authenticated;
grant update on table plane.invitations to plane_eraser;
grant update on table plane.invitations to plane_gateway;
grant update on table plane.locks to authenticated;
grant update on table plane.locks to plane_eraser;
grant update on table plane.locks to plane_kernel;
grant update on table plane.members to authenticated;
grant update on table plane.members to plane_eraser;
grant update on table plane.members to plane_gateway;
grant update on table plane.memories to authenticated;
grant update on table plane.memories to plane_eraser;
grant update on table plane.memories to plane_kernel;
grant update on table plane.meters to plane_eraser;
grant update on table plane.meters to plane_kernel;
grant update on table plane.organisations to plane_eraser;
grant update on table plane.payloads to plane_eraser;
grant update on table plane.policies to authenticated;
grant update on table plane.policies to plane_eraser;
grant update on table plane.quota_counts to authenticated;
grant update on table plane.quota_counts to plane_eraser;
grant update on table plane.quota_counts to plane_kernel;
grant update on table plane.quotas to authenticated;
grant update on table plane.quotas to plane_eraser;
grant update on table plane.rate_buckets to plane_eraser;
grant update on table plane.rate_buckets to plane_gateway;
grant update on table plane.rate_buckets to plane_kernel;
grant update on table plane.rate_limits to authenticated;
grant update on table plane.rate_limits to plane_eraser;
grant update on table plane.retention to authenticated;
grant update on table plane.retention to plane_eraser;
grant update on table plane.schedule_firings to plane_eraser;
grant update on table plane.schedule_firings to plane_kernel;
grant update on table plane.schedules to authenticated;
grant update on table plane.schedules to plane_eraser;
grant update on table plane.schedules to plane_kernel;
grant update on table plane.secrets to authenticated;
grant update on table plane.secrets to plane_kernel;
grant update on table plane.signals to plane_eraser;
grant update on table plane.spent_days to plane_eraser;
grant update on table plane.spent_days to plane_kernel;
grant update on table plane.state to plane_eraser;
grant update on table plane.state_history to plane_eraser;
grant update on table plane.state_history to plane_kernel;
grant update on table plane.template_ratings to authenticated;
grant update on table plane.template_ratings to plane_eraser;
grant update on table plane.template_uses to plane_eraser;
grant update on table plane.templates to plane_eraser;
grant update on table plane.trigger_messages to authenticated;
grant update on table plane.trigger_messages to plane_eraser;
grant update on table plane.trigger_messages to plane_kernel;
grant update on table plane.usage_days to plane_eraser;
grant update on table plane.usage_days to plane_kernel;
grant update on table plane.violations to plane_eraser;
grant update on table plane.waits to plane_eraser;
grant update on table plane.webhook_deliveries to authenticated;
grant update on table plane.webhook_deliveries to plane_eraser;
grant update on table plane.webhook_deliveries to plane_kernel;
grant update on table plane.webhooks to authenticated;
grant update on table plane.webhooks to plane_eraser;
grant update on table plane.webhooks to plane_kernel;
grant update on table plane.workflow_versions to plane_eraser;
grant update on table plane.workflows to plane_eraser;
grant usage on schema extensions to plane_kernel;
grant usage on schema gateway to plane_eraser;
grant usage on schema gateway to plane_kernel;
grant usage on schema plane to plane_auditor;
grant usage on schema plane to plane_eraser;
grant usage on sequence plane.fencing_token to authenticated;
grant update (name) on table plane.organisations to authenticated;
grant update (noted_at) on table plane.agents to plane_kernel;
grant update (noted_health) on table plane.agents to plane_kernel;
grant update (updated_by) on table plane.secrets to plane_eraser;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('accept_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('accept_invitation', '', 'false', array['user']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('append_state', 'state:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('cancel_execution', 'executions:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('cancel_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('check_access', '', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('check_sign_in', '', 'true', array['user']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('claim_escalation', 'escalations:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('claim_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('claim_next_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('comment_on_escalation', 'escalations:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('complete_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_budget', 'limits:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_escalation', 'escalations:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_hook', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_invitation', 'members:manage', 'false', array['operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_key', 'keys:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_organisation', '', 'false', array['user']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_policy', 'policies:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_schedule', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_trigger', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_webhook', 'webhooks:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('create_workflow', 'workflows:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_agent', 'agents:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_budget', 'limits:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_hook', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_memory', 'memory:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_policy', 'policies:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_schedule', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_secret', 'secrets:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_state', 'state:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_trigger', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('delete_webhook', 'webhooks:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('discover_agent', 'agents:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('dismiss_escalation', 'escalations:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('embed_memories', 'memory:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('erase_organisation', 'data:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('erase_person', 'data:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('export_audit', 'audit:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('export_data', 'data:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('extend_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('find_interpretation', 'interpret:run', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('find_template', '', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_acceptance', 'handoffs:write', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_agent', 'agents:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_bottlenecks', 'observe:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_caller', '', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_costs', 'observe:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_delivery', 'webhooks:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_escalation', 'escalations:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_execution', 'executions:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_handoff', 'handoffs:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_handoff_chain', 'handoffs:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_hook', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_inbox', 'agents:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_limits', '', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_memory', 'memory:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_message', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_model_rules', '', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_open_wait', '', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_organisation', '', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_overview', 'observe:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_policy', 'policies:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_queue_depth', 'observe:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_retention', 'data:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_retry_basis', 'executions:write', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_schedule', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_secret_version', 'secrets:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_startable', 'executions:write', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_state', 'state:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_state_version', 'state:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_template', 'templates:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_trace', 'executions:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_trigger', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_usage', 'observe:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_webhook', 'webhooks:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('get_workflow', 'workflows:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('heartbeat_agent', 'agents:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('increment_state', 'state:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('keep_interpretation', 'interpret:run', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_agents', 'agents:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_audit', 'audit:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_budgets', 'observe:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_deliveries', 'webhooks:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_erasures', 'data:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_escalations', 'escalations:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_events', 'executions:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_executions', 'executions:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_firings', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_handoffs', 'handoffs:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_hooks', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_invitations', 'members:manage', 'true', array['operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_keys', 'keys:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_members', '', 'true', array['operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_memories', 'memory:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_messages', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_namespaces', 'memory:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_organisations', '', 'true', array['user']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_policies', 'policies:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_schedules', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_sealed_secrets', 'secrets:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_secrets', 'secrets:manage', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_state', 'state:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_state_history', 'state:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_steps', 'executions:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_template_ratings', 'templates:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_templates', 'templates:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_triggers', 'triggers:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_unembedded', 'memory:write', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_webhooks', 'webhooks:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_workflow_versions', 'workflows:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('list_workflows', 'workflows:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('load_schedule', 'triggers:write', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('lock_state', 'state:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('mail_escalation', 'members:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('match_agents', 'agents:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('merge_state', 'state:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('note_agent_seen', '', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('observe_executions', 'observe:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('publish_template', 'templates:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('put_memory', 'memory:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('put_secret', 'secrets:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('put_state', 'state:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('rate_template', 'templates:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('record_event', 'observe:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('redeliver_message', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('register_agent', 'agents:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('reject_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('release_escalation', 'escalations:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('release_handoff', 'handoffs:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('remove_member', '', 'false', array['operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('replay_deliveries', 'webhooks:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('replay_delivery', 'webhooks:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('report_step', 'executions:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('reseal_secrets', 'secrets:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('resolve_escalation', '', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('restart_execution', 'executions:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('retry_execution', 'executions:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('revoke_invitation', 'members:manage', 'false', array['operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('revoke_key', 'keys:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('rotate_hook', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('rotate_key', '', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('rotate_webhook', 'webhooks:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('run_schedule', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('search_memory', 'memory:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('set_rate_limit', 'limits:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('set_retention', 'data:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('signal_execution', '', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('start_execution', 'executions:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('test_webhook', 'webhooks:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('unlock_state', 'state:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_agent', 'agents:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_budget', 'limits:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_escalation', 'escalations:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_execution', 'executions:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_hook', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_key', 'keys:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_limits', 'limits:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_member', 'members:manage', 'false', array['operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_organisation', 'members:manage', 'false', array['operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_policy', 'policies:manage', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_schedule', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_trigger', 'triggers:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('update_webhook', 'webhooks:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('use_template', 'workflows:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('verify_audit', 'audit:read', 'true', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
insert into gateway.verbs (fn, scope, is_read, kinds) values ('withdraw_template', 'templates:write', 'false', array['agent', 'operator', 'person']) on conflict (fn) do update set scope = excluded.scope, is_read = excluded.is_read, kinds = excluded.kinds;
revoke create on schema gateway from plane_eraser;
revoke create on schema gateway from plane_gateway;
revoke create on schema plane from plane_auditor;
revoke create on schema plane from plane_kernel;

reset check_function_bodies;

-- By hand: what people were asked before there were escalations gets one.
set role plane_kernel;
do $$
begin
  perform plane._open_escalation_of(w)
  from plane.waits as w
  where w.answered_at is null and w.kind in ('approval', 'budget', 'unknown');
end;
$$;
reset role;

-- By hand: agents that registered before there was an index of their words are found by them too.
alter table plane.agents no force row level security;
alter table plane.agent_terms no force row level security;
do $$
begin
  perform plane.index_agent(a) from plane.agents as a where a.deleted_at is null;
end;
$$;
alter table plane.agents force row level security;
alter table plane.agent_terms force row level security;
