-- Made from sql/ by `python -m functions.shared.postgres.migrate baseline`. Do not edit.

-- Functions may name each other in any order.
set check_function_bodies = off;

-- sql/00_roles.sql
-- The roles. Supabase brings authenticator, anon and authenticated; a plain Postgres gets the same ones here.
--
-- authenticator   logs in, owns nothing, may only become one of the others
-- anon            nobody yet: may execute the two doors of the gateway and nothing else
-- authenticated   a key or a person, inside one organisation: row-level security applies
-- plane_runner    may execute the kernel verbs that move executions; holds no table rights
-- plane_kernel    owns the kernel functions and may read and write the kernel's tables; cannot log in, bypasses nothing
-- plane_gateway   owns the functions that look up keys; cannot log in, bypasses nothing
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated', 'plane_runner', 'plane_kernel', 'plane_gateway'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      execute format('create role %I nologin noinherit', v_role);
    end if;
  end loop;
  if not exists (select from pg_catalog.pg_roles where rolname = 'authenticator') then
    create role authenticator login noinherit;
  end if;
  execute format('grant plane_kernel, plane_gateway to %I', current_user);
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

-- sql/01_schemas.sql
-- api      functions only, the one schema that PostgREST exposes: who may
-- gateway  keys, verbs, idempotency: who is calling
-- plane    tables and the kernel: what happens
create schema api;
create schema gateway;
create schema plane;

revoke all on schema api, gateway, plane from public;

-- The global form: the one per schema has no effect.
alter default privileges revoke execute on functions from public;

-- Handing a function over to a role needs this while loading; 99_grants.sql takes it back.
grant create, usage on schema plane to plane_kernel;
grant create, usage on schema gateway to plane_gateway;

-- sql/02_clock.sql
-- The one clock of the plane. Tests move it: `set plane.clock_offset = '2 hours'`.
create function plane.clock()
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return clock_timestamp() + coalesce(nullif(current_setting('plane.clock_offset', true), '')::interval, interval '0');
end;
$$;

-- A time as it is kept in JSON: RFC 3339 in UTC with Z and six digits, as the API writes it.
create function plane.time_text(p_at timestamptz)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
$$;

-- sql/03_errors.sql
-- Raises an error that both adapters understand: SQLSTATE PT<status>, the code and extras as JSON in DETAIL.
--
-- p_status: an HTTP status (400, 401, 403, 404, 409, 410, 412, 413, 422, 429, 503)
-- p_code:   stable, snake_case; functions/shared/errors.py branches on it
-- p_extra:  more members for the problem document, for example {"errors": [{"pointer", "code", "message", "hint"}]}
create function plane.raise_error(p_status int, p_code text, p_message text, p_hint text default null, p_extra jsonb default '{}')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PT' || p_status,
    message = p_message,
    detail = (jsonb_build_object('code', p_code) || p_extra)::text,
    hint = coalesce(p_hint, '');
end;
$$;

-- sql/04_access.sql
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
begin
  return (
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'org_id')::uuid
    where nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'principal' in ('api_key', 'runner')
  );
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

-- sql/tables/00_feed.sql
-- One sequence for checkpoints and events, so that a feed can merge them.
create sequence plane.feed_id;

-- sql/tables/01_organisations.sql
-- A tenant. Everything else belongs to exactly one.
create table plane.organisations (
  id         uuid primary key default gen_random_uuid(),
  name       text not null check (char_length(name) between 1 and 100),
  created_at timestamptz not null default plane.clock(),
  constraint organisations_name_is_unique unique (name)
);

-- Access
alter table plane.organisations enable row level security;
alter table plane.organisations force row level security;

create policy "callers read their organisation" on plane.organisations
  for select to authenticated
  using (id = (select plane.caller_org()));

create policy "the gateway reads organisations" on plane.organisations
  for select to plane_gateway
  using (true);

create policy "the gateway creates organisations" on plane.organisations
  for insert to plane_gateway
  with check (true);

-- sql/tables/02_api_keys.sql
-- A key that an agent, an integration, an operator or a runner presents. Only sha256 of what is presented is stored.
create table plane.api_keys (
  id           uuid primary key default gen_random_uuid(),
  org_id       uuid references plane.organisations on delete cascade,
  name         text not null check (char_length(name) between 1 and 100),
  kind         text not null,
    -- agent        an agent or an integration
    -- operator     a person's or a deployment's key: may decide approvals and manage keys
    -- runner       the plane's own: only the kernel verbs; belongs to no organisation
  key_hash     bytea not null check (octet_length(key_hash) = 32),
  prefix       text not null,             -- shown in lists, never enough to log in
  scopes       text[] not null default '{}',
  created_at   timestamptz not null default plane.clock(),
  created_by   uuid,                      -- the key that made it
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,               -- within a minute
  constraint api_keys_kind_is_known check (kind in ('agent', 'operator', 'runner')),
  constraint api_keys_org_iff_not_runner check ((kind = 'runner') = (org_id is null)),
  constraint api_keys_hash_is_unique unique (key_hash)
);

create index api_keys_recent on plane.api_keys (org_id, created_at desc, id desc);

-- Access
alter table plane.api_keys enable row level security;
alter table plane.api_keys force row level security;

create policy "callers see their organisation's keys" on plane.api_keys
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add keys to their organisation" on plane.api_keys
  for insert to authenticated
  with check (org_id = (select plane.caller_org()) and kind <> 'runner');

create policy "callers change their organisation's keys" on plane.api_keys
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()) and kind <> 'runner');

create policy "the gateway looks up keys" on plane.api_keys
  for select to plane_gateway
  using (true);

create policy "the gateway notes when keys were used" on plane.api_keys
  for update to plane_gateway
  using (true);

create policy "the gateway adds first keys and runners" on plane.api_keys
  for insert to plane_gateway
  with check (true);

-- sql/tables/03_idempotency.sql
-- The answer that a POST with an Idempotency-Key got. Written in the same transaction as what the POST did.
create table plane.idempotency (
  org_id      uuid not null references plane.organisations on delete cascade,
  key_id      uuid not null,              -- the caller: keys of other callers never meet
  key         text not null check (char_length(key) between 1 and 255),
  fingerprint text not null,              -- sha256 of method, route and canonical body
  answer      jsonb,
  created_at  timestamptz not null default plane.clock(),
  primary key (org_id, key_id, key)
);

create index idempotency_old on plane.idempotency (created_at);

-- Access
alter table plane.idempotency enable row level security;
alter table plane.idempotency force row level security;

create policy "callers read their own answers" on plane.idempotency
  for select to authenticated
  using (org_id = (select plane.caller_org()) and key_id = (select plane.caller_key()));

create policy "callers keep their own answers" on plane.idempotency
  for insert to authenticated
  with check (org_id = (select plane.caller_org()) and key_id = (select plane.caller_key()));

create policy "callers complete their own answers" on plane.idempotency
  for update to authenticated
  using (org_id = (select plane.caller_org()) and key_id = (select plane.caller_key()))
  with check (org_id = (select plane.caller_org()) and key_id = (select plane.caller_key()));

create policy "the kernel forgets old answers" on plane.idempotency
  for all to plane_kernel
  using (true);

-- sql/tables/04_audit_entries.sql
-- Who did what, when. Insert only.
create table plane.audit_entries (
  org_id      uuid not null references plane.organisations on delete cascade,
  id          bigint generated always as identity,
  at          timestamptz not null default plane.clock(),
  actor_kind  text not null check (actor_kind in ('api_key', 'runner', 'operator')),
  actor_id    uuid,
  action      text not null,              -- verb_noun, as the verb: put_state, start_execution
  resource    text not null,              -- agents, state, workflows, executions, keys
  resource_id text,
  details     jsonb not null default '{}', -- never values of state, inputs or secrets
  primary key (org_id, id)
);

-- Access
alter table plane.audit_entries enable row level security;
alter table plane.audit_entries force row level security;

create policy "callers read their organisation's audit" on plane.audit_entries
  for select to authenticated
  using (org_id = (select plane.caller_org()) and (select plane.caller_has_scope('audit:read')));

create policy "callers add to their organisation's audit" on plane.audit_entries
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "the kernel adds to the audit" on plane.audit_entries
  for insert to plane_kernel
  with check (true);

create policy "the gateway adds to the audit" on plane.audit_entries
  for insert to plane_gateway
  with check (true);

-- sql/tables/05_agents.sql
-- An agent that registered itself.
create table plane.agents (
  id            uuid primary key default gen_random_uuid(),
  org_id        uuid not null references plane.organisations on delete cascade,
  name          text not null check (char_length(name) between 1 and 200),
  framework     text not null default 'custom',
  description   text,
  capabilities  jsonb not null default '[]',
  endpoint      text,
  config        jsonb not null default '{}',
  status        text not null default 'active',
    -- active      may be given work
    -- inactive    said itself that it pauses
    -- deprecated  kept for the record
  lease_seconds int check (lease_seconds between 5 and 86400), -- null: serverless, never lost
  last_seen_at  timestamptz not null default plane.clock(),
  created_at    timestamptz not null default plane.clock(),
  updated_at    timestamptz not null default plane.clock(),
  deleted_at    timestamptz,
  constraint agents_status_is_known check (status in ('active', 'inactive', 'deprecated'))
);

create unique index agents_name_is_unique on plane.agents (org_id, name) where deleted_at is null;
create index agents_recent on plane.agents (org_id, created_at desc, id desc);

-- Access
alter table plane.agents enable row level security;
alter table plane.agents force row level security;

create policy "callers read their agents" on plane.agents
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers register agents" on plane.agents
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their agents" on plane.agents
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

-- sql/tables/06_state.sql
-- A JSON value by component and key. Expired rows are invisible to reads and removed by the sweeper.
create table plane.state (
  org_id     uuid not null references plane.organisations on delete cascade,
  component  text not null check (char_length(component) between 1 and 200),
  key        text not null check (char_length(key) between 1 and 500),
  value      jsonb not null,
  version    bigint not null default 1,   -- rises with every write, also across a delete within the same row's life
  agent_id   uuid,
  expires_at timestamptz,
  created_at timestamptz not null default plane.clock(),
  updated_at timestamptz not null default plane.clock(),
  primary key (org_id, component, key)
);

-- Lists by prefix compare bytes, whatever the database's locale.
create index state_by_prefix on plane.state (org_id, component, key collate "C");
create index state_expired on plane.state (expires_at) where expires_at is not null;

-- Access
alter table plane.state enable row level security;
alter table plane.state force row level security;

create policy "callers read their state" on plane.state
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers put state" on plane.state
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their state" on plane.state
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "callers delete their state" on plane.state
  for delete to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel removes expired state" on plane.state
  for all to plane_kernel
  using (expires_at is not null);

-- sql/tables/07_workflows.sql
-- A workflow is a name; what runs is one of its versions.
create table plane.workflows (
  id          uuid primary key default gen_random_uuid(),
  org_id      uuid not null references plane.organisations on delete cascade,
  name        text not null check (char_length(name) between 1 and 200),
  latest      int not null default 0,     -- the number of the newest version
  description text,
  created_at  timestamptz not null default plane.clock(),
  updated_at  timestamptz not null default plane.clock(),
  constraint workflows_name_is_unique unique (org_id, name)
);

create index workflows_recent on plane.workflows (org_id, updated_at desc, id desc);

-- Access
alter table plane.workflows enable row level security;
alter table plane.workflows force row level security;

create policy "callers read their workflows" on plane.workflows
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers create workflows" on plane.workflows
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "callers change their workflows" on plane.workflows
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the kernel reads workflows" on plane.workflows
  for select to plane_kernel
  using (true);

-- sql/tables/08_workflow_versions.sql
-- An immutable version: the text as it was given, and for YAML the document that runs.
create table plane.workflow_versions (
  id                   uuid primary key default gen_random_uuid(),
  org_id               uuid not null references plane.organisations on delete cascade,
  workflow_id          uuid not null references plane.workflows on delete cascade,
  version              int not null check (version > 0),
  format               text not null check (format in ('yaml', 'markdown')),
  definition           text not null,     -- as given; a JSON object as its canonical text
  is_json              boolean not null default false, -- definition was given as an object
  content_hash         text not null,     -- sha256 of format and definition
  document             jsonb,             -- yaml only: the parsed document; what executions run
  queue                text not null default 'default' check (queue in ('default', 'llm')),
  steps                jsonb not null default '[]', -- yaml only: [{path, kind}], paths without indexes
  description          text,
  designed_with_model  text,
  executable_by_model  text,
  designed_by_agent_id uuid,
  metadata             jsonb not null default '{}',
  created_at           timestamptz not null default plane.clock(),
  constraint workflow_versions_document_iff_yaml check ((format = 'yaml') = (document is not null)),
  constraint workflow_versions_number_is_unique unique (workflow_id, version),
  constraint workflow_versions_content_is_unique unique (workflow_id, content_hash)
);

create index workflow_versions_recent on plane.workflow_versions (org_id, workflow_id, version desc);

-- Access
alter table plane.workflow_versions enable row level security;
alter table plane.workflow_versions force row level security;

create policy "callers read their versions" on plane.workflow_versions
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers add versions" on plane.workflow_versions
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "the kernel reads versions" on plane.workflow_versions
  for select to plane_kernel
  using (true);

-- sql/tables/09_executions.sql
-- One run of one version. Cold: written at its start and at its end; what moves is in frames.
create table plane.executions (
  id                  uuid primary key default gen_random_uuid(),
  org_id              uuid not null references plane.organisations on delete cascade,
  workflow_id         uuid not null references plane.workflows,
  version_id          uuid not null references plane.workflow_versions,
  mode                text not null default 'engine' check (mode in ('engine', 'external')),
  status              text not null default 'running',
    -- running    has not ended; reads refine it to queued, running or waiting from its frames
    -- succeeded · failed · cancelled · timed_out
  gen                 int not null default 0,           -- rises with every retry
  input               jsonb not null default '{}',
  output              jsonb,
  error               jsonb,                            -- {code, message, path?}
  agent_id            uuid,
  executed_with_model text,
  callback_url        text,
  parent_execution_id uuid,                             -- sub-workflow: who called
  parent_path         text,
  root_execution_id   uuid not null,                    -- itself, unless it is a child
  depth               int not null default 0,
  restarted_from      uuid,
  cost_usd            numeric(18, 9),                   -- set at the end; null while running or when a price is unknown
  known_cost_usd      numeric(18, 9),                   -- set at the end: the sum of what is known
  created_by          uuid,                             -- the key that started it
  created_at          timestamptz not null default plane.clock(),
  deadline_at         timestamptz,
  cancel_requested_at timestamptz,
  ended_at            timestamptz,
  constraint executions_status_is_known check (status in ('running', 'succeeded', 'failed', 'cancelled', 'timed_out')),
  constraint executions_ended_iff_terminal check ((status = 'running') = (ended_at is null)),
  constraint executions_depth_is_bounded check (depth between 0 and 10)
);

create index executions_recent on plane.executions (org_id, created_at desc, id desc);
create index executions_by_workflow on plane.executions (org_id, workflow_id, created_at desc, id desc);
create index executions_by_agent on plane.executions (org_id, agent_id, created_at desc, id desc) where agent_id is not null;
create index executions_by_status on plane.executions (org_id, status, created_at desc, id desc);
create index executions_children on plane.executions (root_execution_id) where parent_execution_id is not null;
create index executions_reported_cost on plane.executions (org_id, ended_at) where mode = 'external' and known_cost_usd is not null;
create index executions_by_parent on plane.executions (parent_execution_id) where parent_execution_id is not null;
create index executions_running on plane.executions (id) where status = 'running' and mode = 'engine'; -- for plane.violations

-- Access
alter table plane.executions enable row level security;
alter table plane.executions force row level security;

create policy "callers read their executions" on plane.executions
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel moves executions" on plane.executions
  for all to plane_kernel
  using (true)
  with check (true);

-- sql/tables/10_frames.sql
-- One independently leased line of progress: the hot table. Rows are deleted ten minutes after they are done.
create table plane.frames (
  execution_id        uuid not null,
  frame               text not null default '',        -- '' is the root; 'sources/3' a shard
  org_id              uuid not null,
  root_execution_id   uuid not null,
  depth               int not null default 0,          -- 2 x the execution's depth, + 1 for a shard: lock deeper first
  queue               text not null default 'default',
  status              text not null default 'ready',
    -- ready    due, nobody has it
    -- running  somebody holds the lease until due_at
    -- waiting  parked; due_at is the least deadline
    -- done     ended; due_at is when the row is deleted
  epoch               bigint not null default 0,       -- the fence: + 1 with every claim
  seq                 bigint not null default 0,       -- + 1 with every checkpoint: a repeated one is recognised
  due_at              timestamptz not null default plane.clock(),
  claim_ref           text,
  owner               text,                            -- which plane or function holds it; kept by a sweep
  gen                 int not null default 0,
  stall               int not null default 0,          -- claims in a row without a result
  dispatches          int not null default 0,          -- sweeps in a row without a claim
  records             int not null default 0,          -- checkpoints written by this frame
  cancel_requested    boolean not null default false,
  cancel_grace_until  timestamptz,                     -- it has finished but for what lives below; then that is fenced
  has_answers         boolean not null default false,  -- a wait was answered and no owner was told yet
  wait_deadline       timestamptz,                     -- not later than the least deadline of its open waits
  in_flight           jsonb not null default '{}',     -- {path: {attempt, at_most_once}}
  budget_usd          numeric(18, 9),                  -- this frame's slice; null: no limit
  spent_usd           numeric(18, 9) not null default 0,
  deadline_at         timestamptz not null,            -- the execution's
  parent_execution_id uuid,
  parent_frame        text,
  parent_token        text,                            -- the wait that this frame's end counts down
  shard               jsonb,                           -- {path, from, to, max_parallel}
  last_checkpoint     jsonb,                           -- what the answer to the last one is made of, for a repeated call
  primary key (execution_id, frame),
  constraint frames_status_is_known check (status in ('ready', 'running', 'waiting', 'done'))
)
with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0
);

-- The kernel's only question to it; lease extensions leave due_at alone until a third is left, so updates stay HOT.
create index frames_due on plane.frames (org_id, due_at);
create index frames_tree on plane.frames (root_execution_id);

-- Access
alter table plane.frames enable row level security;
alter table plane.frames force row level security;

create policy "callers read their frames" on plane.frames
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel moves frames" on plane.frames
  for all to plane_kernel
  using (true)
  with check (true);

-- sql/tables/11_checkpoints.sql
-- The append-only record of an ended step. A succeeded one is never run again.
create table plane.checkpoints (
  execution_id    uuid not null,
  gen             int not null,
  path            text not null,          -- classify · sources[2] · polish[1].draft
  org_id          uuid not null,
  frame           text not null,
  parent          text not null,          -- the enclosing scope: '' · sources · polish[1]
  kind            text not null,          -- the step's kind; round and item for the control records of groups
  status          text not null check (status in ('succeeded', 'failed', 'skipped', 'cancelled')),
  output          jsonb,                  -- up to 2 kB, otherwise output_ref
  output_ref      bytea,                  -- sha256 in payloads
  error           jsonb,                  -- {code, message, ...}
  attempts        int not null default 1,
  ended_at        timestamptz not null default plane.clock(),
  duration_ms     bigint not null default 0,
  model           text,
  provider        text,
  input_tokens    bigint,
  output_tokens   bigint,
  cost_usd        numeric(18, 9),         -- null: costs nothing, or unknown
  is_cost_unknown boolean not null default false, -- a model was called and its price is not known
  is_carried      boolean not null default false, -- copied from an earlier gen by a retry: costs are counted there
  details         jsonb,                  -- rendered input excerpt, reason of a skip, attempts with their errors, exhausted, evidence
  seq             bigint not null,        -- the checkpoint that wrote it
  xid             xid8 not null default pg_current_xact_id(),
  feed_id         bigint not null default nextval('plane.feed_id'),
  primary key (execution_id, gen, path)
);

-- For costs and bottlenecks over many executions.
create index checkpoints_recent on plane.checkpoints (org_id, ended_at);

-- Access
alter table plane.checkpoints enable row level security;
alter table plane.checkpoints force row level security;

create policy "callers read their checkpoints" on plane.checkpoints
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel appends checkpoints" on plane.checkpoints
  for all to plane_kernel
  using (true)
  with check (true);

-- sql/tables/12_waits.sql
-- Something that an execution waits for. Whoever sets answered_at first has decided it.
create table plane.waits (
  execution_id uuid not null,
  token        text not null,             -- gen:path:nonce
  frame        text not null,
  org_id       uuid not null,
  gen          int not null,
  kind         text not null,
    -- approval  a person's decision, by signal          budget  more money, by signal `budget`
    -- event     an event or a signal by name             timer   only its deadline
    -- retry     the back-off before another attempt      unknown evidence of a lost at-most-once step, by signal
    -- child     a child execution                        shards  the shards of a for_each
  path         text not null,
  name         text not null,             -- what a signal must be called: the path, or the event's name
  match        jsonb,                     -- event: fields that must be equal
  data         jsonb not null default '{}', -- approval: message, show, form, outcomes, ...; retry: attempt, error
  opened_at    timestamptz not null default plane.clock(),
  deadline     timestamptz,
  pending      int,                       -- child, shards: how many have not ended
  votes        jsonb not null default '[]', -- approval with a quorum: [{outcome, key_id, form}]
  answered_at  timestamptz,
  outcome      text,                      -- answered · timed_out · cancelled · failed · the approval's outcome
  payload      jsonb,
  answered_by  uuid,
  primary key (execution_id, token),
  constraint waits_kind_is_known check (kind in ('approval', 'budget', 'event', 'timer', 'retry', 'unknown', 'child', 'shards')),
  constraint waits_outcome_iff_answered check ((answered_at is null) = (outcome is null))
);

create index waits_open_by_event on plane.waits (org_id, name) where answered_at is null and kind = 'event';
create index waits_open_by_kind on plane.waits (org_id, kind, opened_at) where answered_at is null;

-- Access
alter table plane.waits enable row level security;
alter table plane.waits force row level security;

create policy "callers read their waits" on plane.waits
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel opens and closes waits" on plane.waits
  for all to plane_kernel
  using (true)
  with check (true);

-- sql/tables/13_signals.sql
-- A signal that came before its wait was opened; taken in order by name.
create table plane.signals (
  execution_id uuid not null,
  id           bigint generated always as identity,
  org_id       uuid not null,
  name         text not null,
  payload      jsonb,
  sent_by      uuid,
  sent_at      timestamptz not null default plane.clock(),
  taken_at     timestamptz,
  primary key (execution_id, id)
);

create index signals_queued on plane.signals (execution_id, name, id) where taken_at is null;

-- Access
alter table plane.signals enable row level security;
alter table plane.signals force row level security;

create policy "callers read their signals" on plane.signals
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel queues and takes signals" on plane.signals
  for all to plane_kernel
  using (true)
  with check (true);

-- sql/tables/14_payloads.sql
-- Outputs over 2 kB, by content: the same document is kept once an organisation.
create table plane.payloads (
  org_id     uuid not null,
  hash       bytea not null,
  body       jsonb not null,
  size       int not null,                -- bytes of its text
  created_at timestamptz not null default plane.clock(),
  primary key (org_id, hash)
);

-- Access
alter table plane.payloads enable row level security;
alter table plane.payloads force row level security;

create policy "callers read their payloads" on plane.payloads
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel keeps payloads" on plane.payloads
  for all to plane_kernel
  using (true)
  with check (true);

-- sql/tables/15_events.sql
-- What happened, besides ended steps (those are in checkpoints; a feed reads both by (xid, feed_id)).
create table plane.events (
  org_id          uuid not null references plane.organisations on delete cascade,
  feed_id         bigint not null default nextval('plane.feed_id'),
  xid             xid8 not null default pg_current_xact_id(),
  at              timestamptz not null default plane.clock(),
  execution_id    uuid,
  type            text not null,          -- execution.started · wait.opened · wait.answered · observe.<type> · event (emitted)
  path            text,
  name            text,                   -- of an emitted event
  data            jsonb not null default '{}',
  idempotency_key text,                   -- of an emitted event: the step instance that emitted it
  primary key (org_id, feed_id)
);

create index events_by_execution on plane.events (org_id, execution_id, xid, feed_id) where execution_id is not null;
create unique index events_emitted_once on plane.events (org_id, idempotency_key) where idempotency_key is not null;

-- Access
alter table plane.events enable row level security;
alter table plane.events force row level security;

create policy "callers read their events" on plane.events
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers report events" on plane.events
  for insert to authenticated
  with check (org_id = (select plane.caller_org()));

create policy "the kernel records events" on plane.events
  for all to plane_kernel
  using (true)
  with check (true);

-- sql/gateway/_begin_once.sql
-- Takes an Idempotency-Key for this caller, or gives the answer that it got before.
--
-- Null: the caller is the first, does its work and calls gateway._end_once in the same transaction.
-- A concurrent request with the same key waits here until the first has committed or rolled back (lock_timeout: 55P03).
-- Called by api.call_with_key and plane.act, as authenticated. Raises 422 idempotency_mismatch.
create function gateway._begin_once(p_key text, p_fingerprint text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org    uuid := plane.caller_org();
  v_caller uuid := plane.caller_key();
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
$$;

-- sql/gateway/_end_once.sql
-- Keeps the answer under an Idempotency-Key that gateway._begin_once took in the same transaction.
-- Called by api.call_with_key and plane.act, as authenticated.
create function gateway._end_once(p_key text, p_answer jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update plane.idempotency
  set answer = p_answer
  where org_id = plane.caller_org() and key_id = plane.caller_key() and key = p_key;
  return jsonb_build_object('answer', p_answer, 'replayed', false);
end;
$$;

-- sql/gateway/_note_use.sql
-- Notes that a key was used, at most once a minute, and never waits for another request that notes the same.
-- Called by gateway.authenticate.
create function gateway._note_use(p_key plane.api_keys)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_key.last_used_at > plane.clock() - interval '1 minute' then
    return;
  end if;
  update plane.api_keys
  set last_used_at = plane.clock()
  where id = (select id from plane.api_keys where id = p_key.id for no key update skip locked);
end;
$$;

alter function gateway._note_use(plane.api_keys) owner to plane_gateway;

-- sql/gateway/_verbs.sql
-- What call_with_key may call. Each sql/api/<fn>.sql ends with its own row, so the list grows with the files.
create table gateway.verbs (
  fn      text primary key,
  scope   text not null,                                -- '' any valid key
  is_read boolean not null,
  kinds   text[] not null default '{agent,operator}'    -- which kinds of key
);

-- Access
alter table gateway.verbs enable row level security;
alter table gateway.verbs force row level security;

create policy "the owner lists the verbs" on gateway.verbs
  for all to current_user
  using (true)
  with check (true);

create policy "the gateway reads the verbs" on gateway.verbs
  for select to plane_gateway
  using (true);

create policy "callers read the verbs" on gateway.verbs
  for select to authenticated
  using (true);

-- sql/gateway/authenticate.sql
-- Turns a presented key into the claims of this transaction, for one verb that it may call.
--
-- p_key_hash: hex sha256 of the key; the table holds sha256 of that, so a leaked row logs nobody in
-- p_fn:       a row of gateway.verbs; null: the kernel, for keys of kind runner
-- Called by api.call_with_key and api.kernel_with_key, as whoever is calling.
-- Raises 401 unauthenticated · 403 missing_scope, wrong_kind · 404 unknown_verb.
create function gateway.authenticate(p_key_hash text, p_fn text)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key  plane.api_keys;
  v_verb gateway.verbs;
begin
  if p_key_hash ~ '^[0-9a-f]{64}$' then
    select * into v_key
    from plane.api_keys
    where key_hash = sha256(decode(p_key_hash, 'hex'));
  end if;
  if v_key.id is null or v_key.revoked_at is not null or v_key.expires_at <= plane.clock() then
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

  perform gateway._note_use(v_key);
  return jsonb_build_object(
    'principal', case v_key.kind when 'runner' then 'runner' else 'api_key' end,
    'org_id', v_key.org_id,
    'key_id', v_key.id,
    'key_kind', v_key.kind,
    'scopes', v_key.scopes);
end;
$$;

alter function gateway.authenticate(text, text) owner to plane_gateway;

-- sql/gateway/call_with_key.sql
-- The door for agents, integrations and operators: authenticate, become the caller, call one verb. One round trip.
--
-- idempotency: {"key", "fingerprint"}; the answer is then {"answer", "replayed"}
-- SECURITY INVOKER, because a role cannot be set inside a definer. Its parameters are named as PostgREST's body.
-- Raises what gateway.authenticate, gateway._begin_once and the verb raise.
create function api.call_with_key(key_hash text, fn text, payload jsonb default '{}', idempotency jsonb default null)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set statement_timeout = '8s'
set lock_timeout = '2s'
as $$
declare
  v_claims jsonb := gateway.authenticate(key_hash, coalesce(fn, ''));
  v_answer jsonb;
begin
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
  if idempotency is not null then
    v_answer := gateway._begin_once(idempotency ->> 'key', idempotency ->> 'fingerprint');
    if v_answer is not null then
      return v_answer;
    end if;
  end if;

  execute format('select api.%I($1)', fn) into v_answer using payload;

  if idempotency is not null then
    return gateway._end_once(idempotency ->> 'key', v_answer);
  end if;
  return v_answer;
end;
$$;

-- sql/gateway/create_organisation.sql
-- Creates an organisation with its first key, of kind operator. Only for the owner of the database.
--
-- p_key_hash: hex sha256 of the key · p_prefix: its first 14 characters · Answers {org_id, key_id}
-- Raises 409 organisation_exists.
create function gateway.create_organisation(p_name text, p_key_hash text, p_prefix text, p_scopes text[])
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org uuid;
  v_key uuid;
begin
  insert into plane.organisations (name)
  values (p_name)
  on conflict (name) do nothing
  returning id into v_org;
  if v_org is null then
    perform plane.raise_error(409, 'organisation_exists', format('The organisation %s exists already.', p_name),
      'Choose another name.');
  end if;

  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes)
  values (v_org, 'first operator', 'operator', sha256(decode(p_key_hash, 'hex')), p_prefix, p_scopes)
  returning id into v_key;

  insert into plane.audit_entries (org_id, actor_kind, actor_id, action, resource, resource_id, details)
  values (v_org, 'operator', v_key, 'create_organisation', 'organisations', v_org::text, jsonb_build_object('name', p_name));
  return jsonb_build_object('org_id', v_org, 'key_id', v_key);
end;
$$;

alter function gateway.create_organisation(text, text, text, text[]) owner to plane_gateway;

-- sql/gateway/create_runner_key.sql
-- Lets a runner in, by the hex sha256 of its key. Again with the same key: the same row. Only for the owner of the database.
create function gateway.create_runner_key(p_key_hash text, p_prefix text)
returns uuid
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.api_keys (name, kind, key_hash, prefix)
  values ('runner', 'runner', sha256(decode(p_key_hash, 'hex')), p_prefix)
  on conflict (key_hash) do update set revoked_at = null
  returning id;
$$;

alter function gateway.create_runner_key(text, text) owner to plane_gateway;

-- sql/gateway/kernel_with_key.sql
-- The door for runners and the sweeper: a static list of kernel verbs, as plane_runner, which has no rights on tables.
-- Raises 401 · 403 wrong_kind · 404 unknown_verb, and what the verb raises.
create function api.kernel_with_key(key_hash text, verb text, payload jsonb default '{}')
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set statement_timeout = '8s'
set lock_timeout = '2s'
as $$
declare
  v_claims jsonb := gateway.authenticate(key_hash, null);
begin
  perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'plane_runner', true);
  case verb
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
$$;

-- sql/gateway/ping.sql
-- Whether the database answers. For anybody.
create function api.ping()
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select 'ok';
$$;

-- sql/kernel/_adopted.sql
-- What the adopter of a parent gets to know, while it still holds it. Nothing was adopted without p_ref.
create function plane._adopted(p_frame plane.frames, p_ref text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane._claimed(parent, (
    select jsonb_build_array(v.content_hash)
    from plane.executions as e
    join plane.workflow_versions as v on v.id = e.version_id
    where e.id = p_frame.execution_id))
  from plane.frames as parent
  where parent.execution_id = p_frame.parent_execution_id and parent.frame = p_frame.parent_frame
    and parent.claim_ref = p_ref and parent.status = 'running';
$$;

-- sql/kernel/_answer_wait.sql
-- Answers a wait, unless somebody was first: exactly one closer wins. Whether it was this one.
-- The caller holds the frame, and wakes it.
create function plane._answer_wait(p_execution_id uuid, p_token text, p_outcome text, p_payload jsonb, p_by uuid default null)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
  return true;
end;
$$;

-- sql/kernel/_begin_act.sql
-- Whether a step of a frame may act now, and as whom: the claims of the frame's organisation; null when the frame is not held.
--
-- The fence is read, not locked: what a zombie does just before it is evicted is done once by its idempotency key anyway, and a
-- lock here would cross with the frames that an event wakes.
create function plane._begin_act(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return null;
  end if;
  return jsonb_build_object(
    'principal', 'runner',
    'org_id', v_frame.org_id,
    'key_id', v_frame.execution_id,
    'key_kind', 'runner',
    'scopes', jsonb_build_array('state:read', 'state:write'));
end;
$$;

alter function plane._begin_act(jsonb) owner to plane_kernel;

-- sql/kernel/_below.sql
-- The live frames below a frame: shards and child executions, theirs too. p_tokens: only below these waits of it.
create function plane._below(p_root_execution_id uuid, p_execution_id uuid, p_frame text, p_tokens text[] default null)
returns table (execution_id uuid, frame text, depth int)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive below as (
    select f.execution_id, f.frame, f.depth
    from plane.frames as f
    where f.root_execution_id = p_root_execution_id and f.status <> 'done'
      and f.parent_execution_id = p_execution_id and f.parent_frame = p_frame
      and (p_tokens is null or f.parent_token = any (p_tokens))
    union all
    select f.execution_id, f.frame, f.depth
    from below
    join plane.frames as f on f.parent_execution_id = below.execution_id and f.parent_frame = below.frame
    where f.root_execution_id = p_root_execution_id and f.status <> 'done'
  )
  select * from below;
$$;

-- sql/kernel/_budget_waits.sql
-- The open budget waits of an execution and of every child below it.
create function plane._budget_waits(p_execution_id uuid)
returns setof plane.waits
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select w.*
  from plane.executions as e
  join plane.waits as w on w.execution_id = e.id
  where (e.id = p_execution_id or e.root_execution_id = p_execution_id)
    and w.kind = 'budget' and w.answered_at is null;
$$;

-- sql/kernel/_cancel_below.sql
-- Asks what lives below a frame to stop; p_tokens: only below these waits. Answers the doorbells.
create function plane._cancel_below(p_frame plane.frames, p_tokens text[] default null)
returns jsonb
language sql
set search_path = pg_catalog, pg_temp
as $$
  select plane._cancel_frames(coalesce(array_agg(b.execution_id), '{}'), coalesce(array_agg(b.frame), '{}'))
  from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame, p_tokens) as b;
$$;

-- sql/kernel/_cancel_cause.sql
-- Why a frame should stop: null, cancelled, or timed_out when the execution's deadline has passed.
create function plane._cancel_cause(p_frame plane.frames)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_frame.cancel_requested then 'cancelled' when p_frame.deadline_at <= plane.clock() then 'timed_out' end;
end;
$$;

-- sql/kernel/_cancel_frames.sql
-- Asks frames to stop: flags them, closes their open waits and wakes those that wait. Answers the doorbells, also of
-- running ones: a dispatcher that runs one itself lets it look at once.
--
-- What the caller did not lock beforehand and others hold is left out: it is flagged when its parent drains.
create function plane._cancel_frames(p_execution_ids uuid[], p_frames text[])
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
  v_due   jsonb := '[]';
begin
  for v_frame in
    select f.*
    from unnest(p_execution_ids, p_frames) as k (execution_id, frame)
    join plane.frames as f using (execution_id, frame)
    where f.status <> 'done' and not f.cancel_requested
    order by f.depth desc, f.execution_id, f.frame
    for no key update of f skip locked
  loop
    perform plane._close_waits_of(v_frame.execution_id, v_frame.frame);
    update plane.frames
    set
      cancel_requested = true,
      status = case when status = 'waiting' then 'ready' else status end,
      due_at = case when status = 'waiting' then plane.clock() + interval '2 seconds' else due_at end
    where execution_id = v_frame.execution_id and frame = v_frame.frame;
    v_due := v_due || plane._doorbell(v_frame);
    if v_frame.frame = '' then
      update plane.executions
      set cancel_requested_at = coalesce(cancel_requested_at, plane.clock())
      where id = v_frame.execution_id;
    end if;
  end loop;
  return v_due;
end;
$$;

-- sql/kernel/_check_isolation.sql
-- Refuses any isolation level but READ COMMITTED: after a lock, a later statement must see what the former holder committed.
-- Called first by every verb that moves a frame. Raises 500 wrong_isolation.
create function plane._check_isolation()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform plane.raise_error(500, 'wrong_isolation',
      format('The engine needs READ COMMITTED, this transaction is %s.', upper(current_setting('transaction_isolation'))),
      'Leave default_transaction_isolation alone.');
  end if;
end;
$$;

-- sql/kernel/_checkpointed.sql
-- The answer to a frame's last checkpoint, for the first and for every repeated call.
-- A repeated call lists every answered wait that has no record, because the first answer may have been lost.
create function plane._checkpointed(p_frame plane.frames, p_is_repeated boolean)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_step   constant jsonb := p_frame.last_checkpoint;
  v_status constant text := v_step ->> 'status';
begin
  return jsonb_build_object(
    'ok', true,
    'seq', p_frame.seq,
    'status', v_status,
    'cancel', plane._cancel_cause(p_frame),
    'over_budget', plane._over_budget(p_frame),
    'answered', case
      when v_status = 'running' and (p_is_repeated or (v_step ->> 'is_told')::boolean) then plane._list_waits(p_frame, true)
      else '[]'
    end,
    'conflicts', v_step -> 'conflicts',
    'due_in_ms', case when v_status = 'waiting' then plane._ms_until((v_step ->> 'due_at')::timestamptz) end,
    'due', v_step -> 'due',
    'adopted', case when v_step ? 'adopted_ref' then plane._adopted(p_frame, v_step ->> 'adopted_ref') end,
    'draining', coalesce((v_step ->> 'draining')::int, 0));
end;
$$;

-- sql/kernel/_claimed.sql
-- What the owner of a frame gets to know: everything it plans over. p_known: hashes of documents that it has already.
create function plane._claimed(p_frame plane.frames, p_known jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
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
    'records', plane._list_records(p_frame), 'waits', plane._list_waits(p_frame, false))
  from plane.executions as e
  join plane.workflow_versions as v on v.id = e.version_id
  join plane.workflows as w on w.id = e.workflow_id
  where e.id = p_frame.execution_id;
$$;

-- sql/kernel/_close_due.sql
-- Closes the waits of a frame whose deadline has passed, as timed_out. Whether there were any.
-- The caller holds the frame.
create function plane._close_due(p_execution_id uuid, p_frame text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := plane.clock();
  v_closed int;
begin
  with closed as (
    update plane.waits
    set answered_at = v_now, outcome = 'timed_out'
    where execution_id = p_execution_id and frame = p_frame and answered_at is null and deadline <= v_now
    returning org_id, path, kind, token
  )
  insert into plane.events (org_id, execution_id, type, path, data)
  select org_id, p_execution_id, 'wait.answered', path, jsonb_build_object('kind', kind, 'token', token, 'outcome', 'timed_out')
  from closed;
  get diagnostics v_closed = row_count;

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
$$;

-- sql/kernel/_close_waits.sql
-- Closes waits that an owner needs no more, and asks what lives below them to stop. Answers the doorbells.
-- A shards or child wait may be answered already: a failed group stops its rest this way.
-- The caller holds the frame and what is deeper.
create function plane._close_waits(p_frame plane.frames, p_tokens jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tokens text[];
begin
  select array_agg(value) into v_tokens from jsonb_array_elements_text(p_tokens);
  perform plane._answer_wait(p_frame.execution_id, token, 'cancelled', null) from unnest(v_tokens) as token;
  return plane._cancel_below(p_frame, v_tokens);
end;
$$;

-- sql/kernel/_close_waits_of.sql
-- Closes every open wait of a frame as cancelled.
-- Locks: the waits; the caller holds the frame.
create function plane._close_waits_of(p_execution_id uuid, p_frame text)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  with closed as (
    update plane.waits
    set answered_at = plane.clock(), outcome = 'cancelled'
    where execution_id = p_execution_id and frame = p_frame and answered_at is null
    returning org_id, path, kind, token
  )
  insert into plane.events (org_id, execution_id, type, path, data)
  select org_id, p_execution_id, 'wait.answered', path, jsonb_build_object('kind', kind, 'token', token, 'outcome', 'cancelled')
  from closed;
$$;

-- sql/kernel/_count_down.sql
-- Tells the parent that a shard or child has ended: counts its wait down, returns what is left of the slice, answers the wait
-- when it was the last or when it failed, and then adopts the parent (if it waits in the same queue) or makes it ready.
--
-- Answers {due, adopted_ref}: with adopted_ref the parent is held by p_frame's owner now.
-- Locks: the parent frame, then the wait. The caller holds p_frame, and its siblings when it failed.
create function plane._count_down(p_frame plane.frames, p_finish jsonb, p_lease_seconds numeric)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref     constant text := format('adopt:%s/%s/%s', p_frame.execution_id, p_frame.frame, p_frame.epoch);
  v_failed  constant boolean := p_finish ->> 'status' <> 'succeeded';
  v_parent  plane.frames;
  v_wait    plane.waits;
  v_is_news boolean := false;
  v_due     jsonb := '[]';
begin
  select * into v_parent
  from plane.frames
  where execution_id = p_frame.parent_execution_id and frame = p_frame.parent_frame and status <> 'done'
  for no key update;
  if not found then
    return jsonb_build_object('due', v_due);
  end if;

  update plane.frames
  set budget_usd = budget_usd + coalesce(p_frame.budget_usd - p_frame.spent_usd, 0)
  where execution_id = v_parent.execution_id and frame = v_parent.frame;
  update plane.waits
  set pending = pending - 1
  where execution_id = v_parent.execution_id and token = p_frame.parent_token and pending > 0
  returning * into v_wait;
  if v_wait.answered_at is null and (v_wait.pending = 0 or v_failed) then
    v_is_news := plane._answer_wait(
      v_parent.execution_id, p_frame.parent_token,
      case when v_failed then 'failed' else 'answered' end,
      case when v_failed then p_finish -> 'error' when v_wait.kind = 'child' then p_finish -> 'output' end);
  end if;
  if v_failed and v_wait.kind = 'shards' then
    select coalesce(jsonb_agg(bell), '[]') into v_due
    from jsonb_array_elements(plane._cancel_below(v_parent, array[p_frame.parent_token])) as bell
    where (bell ->> 'execution_id')::uuid <> p_frame.execution_id or bell ->> 'frame' <> p_frame.frame;
  end if;

  -- A draining parent closed its waits; it wants to know when the last one below has gone.
  if not v_is_news and (v_parent.cancel_grace_until is null or exists (
    select from plane._below(v_parent.root_execution_id, v_parent.execution_id, v_parent.frame) as b
    where (b.execution_id, b.frame) <> (p_frame.execution_id, p_frame.frame))
  ) then
    return jsonb_build_object('due', v_due);
  end if;
  if v_parent.status = 'waiting' and v_parent.queue = p_frame.queue then
    perform plane._hold(v_parent, v_ref, p_frame.owner, p_lease_seconds);
    return jsonb_build_object('due', v_due, 'adopted_ref', v_ref);
  end if;
  return jsonb_build_object('due', v_due || plane._wake(v_parent.execution_id, v_parent.frame));
end;
$$;

-- sql/kernel/_create_execution.sql
-- Creates an execution and, for the engine, its root frame, ready to be claimed. Answers the frame; null in external mode.
--
-- p: {id?, mode, input, agent_id?, executed_with_model?, callback_url?, restarted_from?, created_by?, budget_usd?, deadline_at?}
-- p_parent, p_path, p_token: for a child, the frame and the wait that its end counts down
create function plane._create_execution(
  p_version plane.workflow_versions, p jsonb,
  p_parent plane.frames default null, p_path text default null, p_token text default null)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id       constant uuid := coalesce((p ->> 'id')::uuid, gen_random_uuid());
  v_root     constant uuid := coalesce(p_parent.root_execution_id, v_id);
  v_depth    constant int := coalesce(p_parent.depth / 2 + 1, 0);
  v_limits   constant jsonb := p_version.document -> 'limits';
  -- Every execution ends within a year, so every frame has a deadline.
  v_deadline constant timestamptz := least(
    plane.clock() + least(plane._read_duration(v_limits ->> 'timeout'), interval '365 days'), (p ->> 'deadline_at')::timestamptz);
  v_frame    plane.frames;
begin
  insert into plane.executions (
    id, org_id, workflow_id, version_id, mode, input, agent_id, executed_with_model, callback_url, parent_execution_id,
    parent_path, root_execution_id, depth, restarted_from, created_by, deadline_at)
  values (
    v_id, p_version.org_id, p_version.workflow_id, p_version.id, coalesce(p ->> 'mode', 'engine'),
    coalesce(nullif(p -> 'input', 'null'), '{}'), (p ->> 'agent_id')::uuid, p ->> 'executed_with_model', p ->> 'callback_url',
    p_parent.execution_id, p_path, v_root, v_depth, (p ->> 'restarted_from')::uuid, (p ->> 'created_by')::uuid, v_deadline);
  perform plane._record_event(p_version.org_id, v_id, 'execution.started', null, jsonb_build_object(
    'version_id', p_version.id, 'version', p_version.version, 'parent_execution_id', p_parent.execution_id));
  if p ->> 'mode' = 'external' then
    return null;
  end if;

  insert into plane.frames (
    execution_id, org_id, root_execution_id, depth, queue, due_at, budget_usd, deadline_at,
    parent_execution_id, parent_frame, parent_token)
  values (
    v_id, p_version.org_id, v_root, 2 * v_depth, p_version.queue, plane.clock() + interval '2 seconds',
    least((v_limits ->> 'budget_usd')::numeric, (p ->> 'budget_usd')::numeric), v_deadline,
    p_parent.execution_id, p_parent.frame, p_token)
  returning * into v_frame;
  return v_frame;
end;
$$;

-- sql/kernel/_decide_budget.sql
-- Answers every open budget wait of a tree at once; a grant is split evenly between the frames that wait.
--
-- p_payload: {outcome: grant, form: {usd}} adds money; {outcome: stop} lets each decide what to do without. Who says approve or
-- reject, as to any other question, means these.
-- Locks: the frames, deepest first, then the waits. Raises 403 missing_scope · 409 wait_closed · 422 invalid_outcome, invalid_amount.
create function plane._decide_budget(p_execution plane.executions, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_outcome  constant text := case p_payload ->> 'outcome' when 'approve' then 'grant' when 'reject' then 'stop' else p_payload ->> 'outcome' end;
  v_payload  constant jsonb := case when v_outcome is null then p_payload else p_payload || jsonb_build_object('outcome', v_outcome) end;
  v_by       constant uuid := plane.caller_key();
  v_usd      numeric := 0;
  v_waits    plane.waits[];
  v_wait     plane.waits;
  v_due      jsonb := '[]';
begin
  perform plane._require_decider();
  perform plane._require_outcome(v_payload, '["grant", "stop"]');
  if v_outcome = 'grant' then
    v_usd := plane._read_amount(v_payload -> 'form' -> 'usd');
  end if;

  perform
  from plane.frames as f
  where (f.execution_id, f.frame) in (select w.execution_id, w.frame from plane._budget_waits(p_execution.id) as w)
  order by f.depth desc, f.execution_id, f.frame
  for no key update;
  select array_agg(w) into v_waits from plane._budget_waits(p_execution.id) as w;
  if v_waits is null then
    perform plane.raise_error(409, 'wait_closed', 'Somebody decided the budget already.', 'Read the execution to see how.');
  end if;

  foreach v_wait in array v_waits loop
    if plane._answer_wait(v_wait.execution_id, v_wait.token, v_outcome, v_payload || jsonb_build_object('decided_by', v_by), v_by) then
      update plane.frames
      set budget_usd = budget_usd + trunc(v_usd / cardinality(v_waits), 9)
      where execution_id = v_wait.execution_id and frame = v_wait.frame;
      v_due := v_due || plane._wake(v_wait.execution_id, v_wait.frame);
    end if;
  end loop;
  return jsonb_build_object('status', 'answered', 'token', v_wait.token, 'outcome', v_outcome, 'due', v_due);
end;
$$;

-- sql/kernel/_doorbell.sql
-- The message that a frame may be due. A hint: it may be lost, late or repeated.
create function plane._doorbell(p_frame plane.frames)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object('execution_id', p_frame.execution_id, 'frame', p_frame.frame, 'queue', p_frame.queue, 'org_id', p_frame.org_id);
end;
$$;

-- sql/kernel/_due_when_parked.sql
-- When a parked frame is due: the least of its open deadlines and the execution's, never null.
--
-- An owner that parks without an open wait, or over an answer that it was told and has not used, is looked at again in a minute.
create function plane._due_when_parked(p_frame plane.frames)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select least(
    p_frame.deadline_at,
    min(w.deadline) filter (where w.answered_at is null),
    case when count(*) filter (where w.answered_at is null) = 0 or bool_or(w.answered_at is not null)
      then plane.clock() + interval '1 minute' end)
  from plane.waits as w
  where w.execution_id = p_frame.execution_id and w.frame = p_frame.frame and w.gen = p_frame.gen
    and (w.answered_at is null or (
      w.kind not in ('budget', 'retry') and w.outcome <> 'cancelled' and not exists (
        select from plane.checkpoints as c
        where c.execution_id = w.execution_id and c.gen = w.gen and c.path in (w.path, regexp_replace(w.path, '\.[^.]*$', '')))));
$$;

-- sql/kernel/_end_execution.sql
-- Ends an execution: status, output, error, what it cost, and the event. The caller holds its root frame.
create function plane._end_execution(p_execution_id uuid, p_status text, p_output jsonb, p_error jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions;
begin
  update plane.executions
  set (status, output, error, ended_at, cost_usd, known_cost_usd) = (
    select p_status, p_output, p_error, plane.clock(), c.total, c.known from plane._ended_cost(p_execution_id) as c)
  where id = p_execution_id and status = 'running'
  returning * into v_execution;
  if found then
    perform plane._record_event(v_execution.org_id, p_execution_id, 'execution.' || p_status, null,
      jsonb_build_object('code', p_error -> 'code', 'message', p_error -> 'message', 'gen', v_execution.gen));
  end if;
end;
$$;

-- sql/kernel/_ended_cost.sql
-- What an execution cost with its children: known is the sum of what is known; total is null when anything is not.
create function plane._ended_cost(p_execution_id uuid, out total numeric, out known numeric)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with own as (
    select coalesce(sum(cost_usd), 0) as cost, coalesce(bool_or(is_cost_unknown), false) as is_unknown
    from plane.checkpoints
    where execution_id = p_execution_id and not is_carried
  ), children as (
    select coalesce(sum(known_cost_usd), 0) as cost, coalesce(bool_or(cost_usd is null), false) as is_unknown
    from plane.executions
    where parent_execution_id = p_execution_id
  )
  select
    case when own.is_unknown or children.is_unknown then null else own.cost + children.cost end,
    own.cost + children.cost
  from own, children;
$$;

-- sql/kernel/_extend.sql
-- The writing half of plane.extend_lease: the lease, what is in flight, and waits whose deadline has passed.
create function plane._extend(p_frame plane.frames, p_lease_seconds numeric, p_in_flight jsonb)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames := plane._renew(p_frame, p_lease_seconds);
begin
  if p_frame.wait_deadline <= plane.clock() then
    perform plane._close_due(p_frame.execution_id, p_frame.frame);
  end if;
  update plane.frames
  set in_flight = coalesce(p_in_flight, in_flight)
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$$;

-- sql/kernel/_fence_below.sql
-- Ends what still lives below a frame after its grace: their owners are refused from now on. Answers how many are left.
-- What others hold right now is left for the next second.
create function plane._fence_below(p_frame plane.frames)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
      perform plane._end_execution(v_frame.execution_id, 'cancelled', null,
        jsonb_build_object('code', 'cancelled', 'message', 'It did not stop within the grace and was cut off.'));
    end if;
  end loop;

  select count(*) into v_left from plane._below(p_frame.root_execution_id, p_frame.execution_id, p_frame.frame);
  return v_left;
end;
$$;

-- sql/kernel/_finish.sql
-- Ends a frame, or lets it drain while anything lives below it. Answers {status, due, draining, adopted_ref}.
--
-- Draining: what is below is asked to stop; the frame waits, is due again in a second and finishes then; after 10 s what is
-- left below is fenced. How it ended is kept: no deadline or cancel in that time changes it. The root's end is the execution's end.
-- The caller holds the frame and what is deeper.
create function plane._finish(p_frame plane.frames, p_finish jsonb, p_lease_seconds numeric)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
    perform plane._end_execution(
      p_frame.execution_id, p_finish ->> 'status', nullif(p_finish -> 'output', 'null'), nullif(p_finish -> 'error', 'null'));
  end if;
  if p_frame.parent_token is not null then
    v_parent := plane._count_down(p_frame, p_finish, p_lease_seconds);
  end if;
  return jsonb_build_object('status', 'done', 'due', v_due, 'draining', 0) || v_parent;
end;
$$;

-- sql/kernel/_forget.sql
-- Deletes what has served its time, a page of each: frames ten minutes after their end, expired state, idempotency keys after a day
-- (those of a running execution's steps stay). Answers how many rows.
create function plane._forget(p_limit int)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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

  delete from plane.state where (org_id, component, key) in (
    select org_id, component, key from plane.state
    where expires_at <= plane.clock()
    limit p_limit for update skip locked);
  get diagnostics v_state = row_count;

  delete from plane.idempotency where (org_id, key_id, key) in (
    select i.org_id, i.key_id, i.key from plane.idempotency as i
    where i.created_at < plane.clock() - interval '1 day'
      and not exists (select from plane.executions as e where e.id = i.key_id and e.status = 'running')
    limit p_limit for update skip locked);
  get diagnostics v_keys = row_count;
  return v_frames + v_state + v_keys;
end;
$$;

-- sql/kernel/_has_equal.sql
-- Whether a payload has every field of p_match with an equal value. Null matches everything.
create function plane._has_equal(p_payload jsonb, p_match jsonb)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select not exists (
      select
      from jsonb_each(case when jsonb_typeof(p_match) = 'object' then p_match else '{}' end) as m
      where case when jsonb_typeof(p_payload) = 'object' then p_payload -> m.key end is distinct from m.value)
  );
end;
$$;

-- sql/kernel/_has_open_budget.sql
-- Whether an execution, or a child of it, waits for more money.
create function plane._has_open_budget(p_execution_id uuid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from plane._budget_waits(p_execution_id));
$$;

-- sql/kernel/_hash_payload.sql
-- The name of a payload: sha256 of its text.
create function plane._hash_payload(p_body jsonb)
returns bytea
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return sha256(convert_to(p_body::text, 'UTF8'));
end;
$$;

-- sql/kernel/_hold.sql
-- Gives a frame to an owner: the next epoch, a lease, and what was due is closed. The caller holds the frame's lock.
-- Called by plane.claim and, for a parent whose group has ended, by plane._count_down.
create function plane._hold(p_frame plane.frames, p_claim_ref text, p_owner text, p_lease_seconds numeric)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
    dispatches = 0,
    has_answers = false
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$$;

-- sql/kernel/_is_held.sql
-- Whether the holder of this epoch may still write: nobody claimed after it. A sweep alone evicts nobody.
create function plane._is_held(p_frame plane.frames, p_epoch bigint)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    p_frame.epoch = p_epoch
    and (p_frame.status = 'running' or (p_frame.status = 'ready' and p_frame.claim_ref is not null)), false);
end;
$$;

-- sql/kernel/_keep_payloads.sql
-- Keeps the outputs over 2 kB of a checkpoint's records by their content. In the order of their hashes, so that two never wait crosswise.
create function plane._keep_payloads(p_org_id uuid, p_records jsonb)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.payloads (org_id, hash, body, size)
  select p_org_id, hash, (array_agg(output))[1], max(size)
  from (
    select plane._hash_payload(r -> 'output') as hash, r -> 'output' as output, octet_length((r -> 'output')::text) as size
    from jsonb_array_elements(p_records) as r
    where octet_length((r -> 'output')::text) > 2048
  ) as large
  group by hash
  order by hash
  on conflict do nothing;
$$;

-- sql/kernel/_list_records.sql
-- The live records that the owner of a frame plans over: those whose enclosing scope has not been recorded itself.
-- The root frame sees the rows of its shards; a shard the root's and its own. The newest 4 MB of large outputs come along.
create function plane._list_records(p_frame plane.frames)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with live as (
    select c as checkpoint, sum(coalesce(s.size, 0)) over (order by c.feed_id desc) <= 4194304 as fits
    from plane.checkpoints as c
    left join plane.payloads as s on s.org_id = c.org_id and s.hash = c.output_ref
    where c.execution_id = p_frame.execution_id and c.gen = p_frame.gen
      and (p_frame.frame = '' or c.frame in ('', p_frame.frame))
      and (c.parent = '' or not exists (
        select from plane.checkpoints as scope
        where scope.execution_id = c.execution_id and scope.gen = c.gen and scope.path = c.parent))
  )
  select coalesce(jsonb_agg(plane._record_row(live.checkpoint, p.body) order by (live.checkpoint).feed_id), '[]')
  from live
  left join plane.payloads as p on live.fits and p.org_id = (live.checkpoint).org_id and p.hash = (live.checkpoint).output_ref;
$$;

-- sql/kernel/_list_waits.sql
-- The waits of a frame that still matter: their path has no record in this gen. p_answered: only the answered ones.
create function plane._list_waits(p_frame plane.frames, p_answered boolean)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(plane._wait_row(w) order by w.opened_at, w.token), '[]')
  from plane.waits as w
  where w.execution_id = p_frame.execution_id and w.frame = p_frame.frame and w.gen = p_frame.gen
    and (w.answered_at is not null or not p_answered)
    and not exists (
      select from plane.checkpoints as c
      where c.execution_id = w.execution_id and c.gen = w.gen and c.path = w.path);
$$;

-- sql/kernel/_load_payloads.sql
-- Bodies of large outputs, in the order asked for, until 4 MB; at least one.
create function plane._load_payloads(p_org_id uuid, p_refs jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with asked as (
    select ref, sum(s.size) over (order by ord) - s.size < 4194304 as fits
    from jsonb_array_elements_text(p_refs) with ordinality as r (ref, ord)
    join plane.payloads as s on s.org_id = p_org_id and s.hash = decode(ref, 'hex')
  )
  select jsonb_build_object(
    'ok', true,
    'payloads', coalesce(jsonb_object_agg(asked.ref, p.body) filter (where asked.fits), '{}'),
    'more', coalesce(bool_or(not asked.fits), false))
  from asked
  left join plane.payloads as p on asked.fits and p.org_id = p_org_id and p.hash = decode(asked.ref, 'hex');
$$;

-- sql/kernel/_load_scope.sql
-- The records of one scope with their outputs, by path, until 4 MB or 1,000; at least one.
create function plane._load_scope(p_frame plane.frames, p_parent text, p_after text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select c as checkpoint, sum(coalesce(s.size, 2048)) over (order by c.path) - coalesce(s.size, 2048) < 4194304 as fits
    from plane.checkpoints as c
    left join plane.payloads as s on s.org_id = c.org_id and s.hash = c.output_ref
    where c.execution_id = p_frame.execution_id and c.gen = p_frame.gen and c.parent = p_parent
      and c.path > coalesce(p_after, '')
    order by c.path
    limit 1001
  ), numbered as (
    select page.checkpoint, page.fits and row_number() over (order by (page.checkpoint).path) <= 1000 as fits
    from page
  )
  select jsonb_build_object(
    'ok', true,
    'records', coalesce(
      jsonb_agg(plane._record_row(n.checkpoint, p.body) order by (n.checkpoint).path) filter (where n.fits), '[]'),
    'more', coalesce(bool_or(not n.fits), false))
  from numbered as n
  left join plane.payloads as p on n.fits and p.org_id = (n.checkpoint).org_id and p.hash = (n.checkpoint).output_ref;
$$;

-- sql/kernel/_lock_below.sql
-- Locks the live frames below a frame, deepest first. Every verb that locks several frames uses this order.
create function plane._lock_below(p_root_execution_id uuid, p_execution_id uuid, p_frame text, p_tokens text[] default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from plane.frames as f
  where (f.execution_id, f.frame) in (
    select b.execution_id, b.frame from plane._below(p_root_execution_id, p_execution_id, p_frame, p_tokens) as b)
  order by f.depth desc, f.execution_id, f.frame
  for no key update;
end;
$$;

-- sql/kernel/_lock_for_checkpoint.sql
-- Takes the locks that a checkpoint needs before its own frame: the topics that it subscribes to, then what lies deeper.
--
-- Topics: so that no event or signal slips between its publisher's look at the open waits and ours.
-- Deeper: when it ends, closes a group, or is a failed shard that stops its siblings.
create function plane._lock_for_checkpoint(p jsonb, p_execution_id uuid, p_frame text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org    uuid;
  v_root   uuid;
  v_tokens text[];
begin
  select org_id, root_execution_id into v_org, v_root from plane.frames where execution_id = p_execution_id and frame = p_frame;
  if p -> 'open' @> '[{"kind": "event"}]' then
    perform plane._lock_topics(array_agg(topic))
    from jsonb_array_elements(p -> 'open') as o,
      lateral unnest(array[v_org::text, p_execution_id::text]) as owner,
      lateral (select owner || '/' || (o ->> 'name') as topic) as t
    where o ->> 'kind' = 'event';
  end if;

  if p ->> 'next' = 'done' then
    perform plane._lock_below(v_root, p_execution_id, p_frame);
    if p_frame <> '' and p -> 'finish' ->> 'status' <> 'succeeded' then
      perform
      from plane.frames
      where execution_id = p_execution_id and frame <> ''
      order by depth desc, execution_id, frame
      for no key update;
    end if;
  elsif jsonb_array_length(p -> 'close') > 0 then
    select array_agg(value) into v_tokens from jsonb_array_elements_text(p -> 'close');
    perform plane._lock_below(v_root, p_execution_id, p_frame, v_tokens);
  end if;
end;
$$;

-- sql/kernel/_lock_topics.sql
-- Serialises those who open a wait for a name with those who answer by it, so that neither misses the other.
-- Locks: advisory locks in the order of their keys, before any frame.
create function plane._lock_topics(p_topics text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(topic)
  from (select distinct hashtextextended(t, 0) as topic from unnest(p_topics) as t order by topic) as topics;
end;
$$;

-- sql/kernel/_move_on.sql
-- Closes and opens a frame's waits and decides what the frame becomes: {status, due_at?, due, draining?, adopted_ref?, is_told}.
--
-- p: the checkpoint. Somebody who wants to park stays running when there is news: an answer that no owner was told of, or a
-- reason to stop. The caller holds the frame; p_frame.spent_usd is ahead of the table.
create function plane._move_on(p_frame plane.frames, p jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_next  constant text := coalesce(p ->> 'next', 'running');
  v_lease constant numeric := coalesce((p ->> 'lease_seconds')::numeric, 30);
  v_frame plane.frames := p_frame;
  v_due   jsonb := '[]';
begin
  if jsonb_array_length(p -> 'close') > 0 or jsonb_array_length(p -> 'open') > 0 or v_frame.wait_deadline <= plane.clock() then
    update plane.frames set spent_usd = p_frame.spent_usd where execution_id = p_frame.execution_id and frame = p_frame.frame;
    if jsonb_array_length(p -> 'close') > 0 then
      v_due := plane._close_waits(v_frame, p -> 'close');
    end if;
    if jsonb_array_length(p -> 'open') > 0 then
      v_due := v_due || plane._open_waits(v_frame, p -> 'open');
    end if;
    select * into v_frame from plane.frames where execution_id = p_frame.execution_id and frame = p_frame.frame;
    if v_frame.wait_deadline <= plane.clock() then
      perform plane._close_due(v_frame.execution_id, v_frame.frame);
      select * into v_frame from plane.frames where execution_id = p_frame.execution_id and frame = p_frame.frame;
    end if;
  end if;

  if v_next = 'done' then
    return jsonb_build_object('due_at', plane.clock() + interval '1 second') || plane._finish(v_frame, p -> 'finish', v_lease);
  end if;
  if v_next = 'waiting' and not v_frame.has_answers and plane._cancel_cause(v_frame) is null then
    return jsonb_build_object('status', 'waiting', 'due_at', plane._due_when_parked(v_frame), 'due', v_due);
  end if;
  if v_next = 'ready' then
    return jsonb_build_object('status', 'ready', 'due', v_due || plane._doorbell(v_frame));
  end if;
  return jsonb_build_object('status', 'running', 'due', v_due, 'is_told', v_frame.has_answers);
end;
$$;

-- sql/kernel/_ms_until.sql
-- Whole milliseconds from now on the plane's clock; never negative.
create function plane._ms_until(p_at timestamptz)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return greatest(0, ceil(extract(epoch from p_at - plane.clock()) * 1000))::bigint;
end;
$$;

-- sql/kernel/_next_due.sql
-- When the next frame is due; null when none is.
create function plane._next_due()
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive organisations as (
    (select f.org_id from plane.frames as f order by f.org_id limit 1)
    union all
    select (select f.org_id from plane.frames as f where f.org_id > o.org_id order by f.org_id limit 1)
    from organisations as o
    where o.org_id is not null
  )
  select min(next.due_at)
  from organisations as o
  cross join lateral (
    select f.due_at from plane.frames as f where f.org_id = o.org_id and f.status <> 'done' order by f.due_at limit 1
  ) as next
  where o.org_id is not null;
$$;

-- sql/kernel/_open_child.sql
-- Starts the child execution that a wait is for, or answers the wait at once as failed when it cannot be. Answers the doorbells.
--
-- p_open: {token, path, child: {execution_id, ref: name or name@version, input, budget_usd?}}
-- The id is given, so that opening it again finds the same child. The caller holds the frame.
create function plane._open_child(p_frame plane.frames, p_open jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref     constant text := p_open -> 'child' ->> 'ref';
  v_version plane.workflow_versions;
  v_child   plane.frames;
  v_code    text;
begin
  select v.* into v_version
  from plane.workflows as w
  join plane.workflow_versions as v on v.workflow_id = w.id
    and v.version = coalesce(substring(v_ref from '@(\d{1,9})$')::int, w.latest)
  where w.org_id = p_frame.org_id and w.name = regexp_replace(v_ref, '@\d{1,9}$', '');
  v_code := case
    when v_version.id is null then 'workflow_not_found'
    when v_version.document is null then 'not_runnable'
    when p_frame.depth / 2 >= 10 then 'depth_exceeded'
    when exists (select from plane.executions where id = (p_open -> 'child' ->> 'execution_id')::uuid) then 'child_exists'
  end;
  if v_code is not null then
    return plane._refuse_child(p_frame, p_open ->> 'token', v_code, v_ref);
  end if;

  v_child := plane._create_execution(
    v_version,
    jsonb_build_object(
      'id', p_open -> 'child' -> 'execution_id',
      'input', p_open -> 'child' -> 'input',
      'created_by', (select created_by from plane.executions where id = p_frame.execution_id),
      'deadline_at', p_frame.deadline_at,
      'budget_usd', plane._take_slice(p_frame.execution_id, p_frame.frame, 1,
        least((p_open -> 'child' ->> 'budget_usd')::numeric, (v_version.document -> 'limits' ->> 'budget_usd')::numeric))),
    p_frame, p_open ->> 'path', p_open ->> 'token');
  return jsonb_build_array(plane._doorbell(v_child));
end;
$$;

-- sql/kernel/_open_shards.sql
-- Creates the shards of a for_each: frames of the same execution, each with its part of the list and a slice of the budget.
-- p_open: {token, shards: [{frame, path, from, to, max_parallel}]} · Answers the doorbells. The caller holds the frame.
create function plane._open_shards(p_frame plane.frames, p_open jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slice numeric := plane._take_slice(p_frame.execution_id, p_frame.frame, jsonb_array_length(p_open -> 'shards'));
  v_due   jsonb;
begin
  with created as (
    insert into plane.frames (
      execution_id, frame, org_id, root_execution_id, depth, queue, epoch, due_at, gen, budget_usd, deadline_at,
      parent_execution_id, parent_frame, parent_token, shard)
    select
      p_frame.execution_id, s ->> 'frame', p_frame.org_id, p_frame.root_execution_id, p_frame.depth + 1, p_frame.queue,
      p_frame.gen::bigint << 32, plane.clock() + interval '2 seconds', p_frame.gen, v_slice, p_frame.deadline_at,
      p_frame.execution_id, p_frame.frame, p_open ->> 'token', s - 'frame'
    from jsonb_array_elements(p_open -> 'shards') as s
    order by s ->> 'frame'
    returning frames.*
  )
  select coalesce(jsonb_agg(plane._doorbell(created)), '[]') into v_due from created;
  return v_due;
end;
$$;

-- sql/kernel/_open_waits.sql
-- Opens waits of a frame, in order; what they start below is created here. Answers the doorbells.
--
-- p_open: [{token, kind, path, name, match, deadline_ms | deadline_at, data, child, shards}]
-- A frame that was asked to stop opens nothing: the wait is closed as cancelled at once.
-- The caller holds the frame and, for events, the topics. Raises 409 token_taken.
create function plane._open_waits(p_frame plane.frames, p_open jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_open        jsonb;
  v_deadline    timestamptz;
  v_is_answered boolean;
  v_due         jsonb := '[]';
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
    on conflict do nothing;
    if not found then
      perform plane.raise_error(409, 'token_taken', format('There is a wait %s already.', v_open ->> 'token'), 'Take a new token.');
    end if;
    perform plane._record_event(p_frame.org_id, p_frame.execution_id, 'wait.opened', v_open ->> 'path', jsonb_build_object(
      'kind', v_open -> 'kind', 'token', v_open -> 'token', 'name', v_open -> 'name', 'deadline', plane.time_text(v_deadline)));

    v_is_answered := false;
    if p_frame.cancel_requested then
      v_is_answered := plane._answer_wait(p_frame.execution_id, v_open ->> 'token', 'cancelled', null);
      update plane.waits set pending = 0 where execution_id = p_frame.execution_id and token = v_open ->> 'token' and pending > 0;
    elsif v_open ->> 'kind' = 'event' then
      v_is_answered := plane._take_signal(p_frame, v_open ->> 'token', v_open ->> 'name', v_open -> 'match');
    elsif v_open ->> 'kind' = 'child' then
      v_due := v_due || plane._open_child(p_frame, v_open);
    elsif v_open ->> 'kind' = 'shards' then
      v_due := v_due || plane._open_shards(p_frame, v_open);
    end if;

    update plane.frames
    set has_answers = has_answers or v_is_answered, wait_deadline = least(wait_deadline, v_deadline)
    where execution_id = p_frame.execution_id and frame = p_frame.frame;
  end loop;
  return v_due;
end;
$$;

-- sql/kernel/_over_budget.sql
-- Whether a frame has used up its slice: start nothing new.
create function plane._over_budget(p_frame plane.frames)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_frame.spent_usd >= p_frame.budget_usd and p_frame.spent_usd > 0, false);
end;
$$;

-- sql/kernel/_overdue.sql
-- Frames that are due, at most p_per_org of an organisation and p_limit in all, the organisations by turns.
-- Hops from organisation to organisation along the index: one with a million due frames does not hide the others.
create function plane._overdue(p_limit int, p_per_org int)
returns table (execution_id uuid, frame text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
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
    order by f.due_at
    limit p_per_org
  ) as due
  where o.org_id is not null
  order by due.turn
  limit p_limit;
$$;

-- sql/kernel/_queue_signal.sql
-- Keeps a signal for a wait that opens later, unless it can only be a decision that nobody asks for now.
-- The caller holds the signal's topic. Raises 409 not_waiting, wait_closed.
create function plane._queue_signal(p_execution plane.executions, p_name text, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
  values (p_execution.id, p_execution.org_id, p_name, p_payload, plane.caller_key());
  perform plane._record_event(p_execution.org_id, p_execution.id, 'signal.queued', null, jsonb_build_object('name', p_name));
  return jsonb_build_object('status', 'queued', 'token', null, 'outcome', null, 'due', '[]'::jsonb);
end;
$$;

-- sql/kernel/_read_amount.sql
-- A positive amount in USD, as number or text. Raises 422 invalid_amount.
create function plane._read_amount(p_amount jsonb)
returns numeric
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_amount #>> '{}' ~ '^\d{1,9}(\.\d{1,9})?$' and (p_amount #>> '{}')::numeric > 0 then
    return (p_amount #>> '{}')::numeric;
  end if;
  perform plane.raise_error(422, 'invalid_amount', 'A grant needs a positive amount in USD.', 'Send {"form": {"usd": "1.50"}}.',
    '{"errors": [{"pointer": "/payload/form/usd", "code": "invalid_amount", "message": "not a positive amount"}]}');
end;
$$;

-- sql/kernel/_read_duration.sql
-- A duration of the workflow language, such as 1.5h, or null when it is none.
create function plane._read_duration(p_text text)
returns interval
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select m[1]::float8 * case m[2]
    when 'ms' then interval '1 millisecond'
    when 's' then interval '1 second'
    when 'm' then interval '1 minute'
    when 'h' then interval '1 hour'
    else interval '1 day'
  end
  from regexp_match(p_text, '^(\d+(?:\.\d+)?)(ms|s|m|h|d)$') as m;
$$;

-- sql/kernel/_record_audit.sql
-- Notes in the organisation's audit who did what, in the same transaction as what was done.
-- Called by every api verb that changes something, as the caller. p_details: never values of state, inputs or secrets.
create function plane.record_audit(p_action text, p_resource text, p_resource_id text, p_details jsonb default '{}')
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.audit_entries (org_id, actor_kind, actor_id, action, resource, resource_id, details)
  select
    plane.caller_org(),
    case plane.caller_claims() ->> 'key_kind' when 'runner' then 'runner' when 'operator' then 'operator' else 'api_key' end,
    plane.caller_key(),
    p_action, p_resource, p_resource_id, coalesce(p_details, '{}');
$$;

-- sql/kernel/_record_event.sql
-- Appends to the feed of what happened.
create function plane._record_event(p_org_id uuid, p_execution_id uuid, p_type text, p_path text default null, p_data jsonb default '{}')
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.events (org_id, execution_id, type, path, data)
  values (p_org_id, p_execution_id, p_type, p_path, coalesce(jsonb_strip_nulls(p_data), '{}'));
$$;

-- sql/kernel/_record_row.sql
-- A record as the owner of a frame sees it: its output, or output_ref when the body did not come along.
create function plane._record_row(p_checkpoint plane.checkpoints, p_body jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'path', p_checkpoint.path,
    'parent', p_checkpoint.parent,
    'kind', p_checkpoint.kind,
    'status', p_checkpoint.status,
    'output', coalesce(p_checkpoint.output, p_body),
    'error', p_checkpoint.error,
    'details', p_checkpoint.details,
    'attempts', p_checkpoint.attempts,
    'cost_usd', p_checkpoint.cost_usd)
  || case
    when p_body is null and p_checkpoint.output_ref is not null
      then jsonb_build_object('output_ref', encode(p_checkpoint.output_ref, 'hex'))
    else '{}'
  end;
end;
$$;

-- sql/kernel/_record_steps.sql
-- Appends ended steps of a frame. A path that is recorded already is an invariant violation: it is named, the others commit.
--
-- p_records: [{path, parent, kind, status, output, error, attempts, duration_ms, model, provider, input_tokens, output_tokens,
--              cost_usd, is_cost_unknown, details}]
create function plane._record_steps(
  p_frame plane.frames, p_seq bigint, p_records jsonb, out conflicts text[], out written int, out cost numeric)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_paths text[];
begin
  if octet_length(p_records::text) > 2048 then
    perform plane._keep_payloads(p_frame.org_id, p_records);
  end if;

  with added as (
    insert into plane.checkpoints (
      execution_id, gen, path, org_id, frame, parent, kind, status, output, output_ref, error, attempts, duration_ms,
      model, provider, input_tokens, output_tokens, cost_usd, is_cost_unknown, details, seq)
    select
      p_frame.execution_id, p_frame.gen, r.path, p_frame.org_id, p_frame.frame, coalesce(r.parent, ''), r.kind, r.status,
      case when not size.is_large then r.output end,
      case when size.is_large then plane._hash_payload(r.output) end,
      r.error, coalesce(r.attempts, 1), coalesce(r.duration_ms, 0)::bigint,
      r.model, r.provider, r.input_tokens, r.output_tokens, r.cost_usd, coalesce(r.is_cost_unknown, false), r.details, p_seq
    from jsonb_to_recordset(p_records) as r (
      path text, parent text, kind text, status text, output jsonb, error jsonb, attempts int, duration_ms numeric,
      model text, provider text, input_tokens bigint, output_tokens bigint, cost_usd numeric, is_cost_unknown boolean, details jsonb)
    cross join lateral (select coalesce(octet_length(r.output::text) > 2048, false) as is_large) as size
    on conflict do nothing
    returning path, cost_usd
  )
  select coalesce(array_agg(added.path), '{}'), count(*), coalesce(sum(added.cost_usd), 0) into v_paths, written, cost
  from added;

  conflicts := '{}';
  if written < jsonb_array_length(p_records) then
    select coalesce(array_agg(path), '{}') into conflicts
    from (
      select r ->> 'path' as path, row_number() over (partition by r ->> 'path' order by ord) as copy
      from jsonb_array_elements(p_records) with ordinality as e (r, ord)
    ) as sent
    where copy > 1 or path <> all (v_paths);
  end if;
end;
$$;

-- sql/kernel/_refuse_child.sql
-- Answers a child's wait as failed, because it cannot be started. The owner learns it with the answer to its checkpoint.
create function plane._refuse_child(p_frame plane.frames, p_token text, p_code text, p_ref text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane._answer_wait(p_frame.execution_id, p_token, 'failed', jsonb_build_object(
    'code', p_code,
    'message', case p_code
      when 'workflow_not_found' then format('There is no workflow %s.', p_ref)
      when 'not_runnable' then format('%s is a markdown runbook; the engine does not run it.', p_ref)
      when 'depth_exceeded' then 'Workflows call each other more than 10 levels deep.'
      else format('The child execution of %s exists already.', p_ref)
    end));
  update plane.waits set pending = 0 where execution_id = p_frame.execution_id and token = p_token;
  perform plane._wake(p_frame.execution_id, p_frame.frame);
  return '[]';
end;
$$;

-- sql/kernel/_renew.sql
-- Renews a lease: due_at is indexed, so it moves only when less than a third is left or a sweep had offered the frame to others.
-- The caller holds the frame's lock and has checked that it is the owner's.
create function plane._renew(p_frame plane.frames, p_lease_seconds numeric)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lease interval := p_lease_seconds * interval '1 second';
  v_frame plane.frames;
begin
  if p_frame.status = 'running' and p_frame.due_at > plane.clock() + v_lease / 3 then
    return p_frame;
  end if;
  update plane.frames
  set status = 'running', due_at = plane.clock() + v_lease
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$$;

-- sql/kernel/_require_decider.sql
-- Raises 403 missing_scope unless the caller may decide approvals, budgets and unknown steps.
create function plane._require_decider()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not plane.caller_has_scope('approvals:decide') then
    perform plane.raise_error(403, 'missing_scope', 'Deciding needs the scope approvals:decide.',
      'Ask an operator to decide, or use a key that may.', jsonb_build_object('scope', 'approvals:decide'));
  end if;
end;
$$;

-- sql/kernel/_require_execution.sql
-- One of the caller's executions. Raises 404 execution_not_found, also for another organisation's.
create function plane._require_execution(p_execution_id uuid)
returns plane.executions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org       uuid := plane._require_org();
  v_execution plane.executions;
begin
  select * into v_execution from plane.executions where id = p_execution_id and org_id = v_org;
  if not found then
    perform plane.raise_error(404, 'execution_not_found', format('There is no execution %s.', p_execution_id),
      'List them with GET /api/executions.');
  end if;
  return v_execution;
end;
$$;

-- sql/kernel/_require_org.sql
-- The caller's organisation. Every function that tenants call as its owner starts here: it never comes from a parameter.
-- Raises 401 unauthenticated.
create function plane._require_org()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org uuid := plane.caller_org();
begin
  if v_org is null then
    perform plane.raise_error(401, 'unauthenticated', 'This call belongs to no organisation.', 'Send a valid API key.');
  end if;
  return v_org;
end;
$$;

-- sql/kernel/_require_outcome.sql
-- Raises 422 invalid_outcome unless a decision's outcome is one of those that were offered (null: any text).
create function plane._require_outcome(p_payload jsonb, p_outcomes jsonb)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_allowed constant jsonb := case when jsonb_typeof(p_outcomes) = 'array' then p_outcomes else '[]' end;
  v_message text;
begin
  if jsonb_typeof(p_payload -> 'outcome') = 'string' and (v_allowed = '[]' or v_allowed ? (p_payload ->> 'outcome')) then
    return;
  end if;
  v_message := case v_allowed
    when '[]' then 'The outcome must be a text.'
    else format('The outcome must be %s.', (select string_agg(o.name, ' or ' order by o.place)
      from jsonb_array_elements_text(v_allowed) with ordinality as o (name, place))) end;
  perform plane.raise_error(422, 'invalid_outcome', v_message,
    format('Send {"outcome": "%s"}.', coalesce(v_allowed ->> 0, '…')),
    jsonb_build_object('errors', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
      'pointer', '/payload/outcome', 'code', 'invalid_outcome', 'message', v_message, 'allowed', nullif(v_allowed, '[]'))))));
end;
$$;

-- sql/kernel/_require_retryable.sql
-- Raises 409 still_running, already_succeeded or not_retryable unless an execution can be retried.
create function plane._require_retryable(p_execution plane.executions)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_execution.mode = 'external' then
    perform plane.raise_error(409, 'not_retryable', 'An external execution is not run by the plane.', 'Start a new one.');
  elsif p_execution.status = 'running' then
    perform plane.raise_error(409, 'still_running', 'The execution has not ended.', 'Wait for its end, or cancel it first.');
  elsif p_execution.status = 'succeeded' then
    perform plane.raise_error(409, 'already_succeeded', 'The execution has succeeded.', 'Start a new one.');
  end if;
end;
$$;

-- sql/kernel/_restart_frame.sql
-- Gives an ended execution a root frame again, for its next gen. Its epochs start above every one that was ever given out, so
-- that no zombie fits. The caller holds the execution.
create function plane._restart_frame(p_execution plane.executions)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits jsonb;
  v_queue  text;
  v_frame  plane.frames;
begin
  select document -> 'limits', queue into v_limits, v_queue from plane.workflow_versions where id = p_execution.version_id;
  delete from plane.frames where execution_id = p_execution.id;
  insert into plane.frames (
    execution_id, org_id, root_execution_id, depth, queue, epoch, due_at, gen, budget_usd, deadline_at)
  values (
    p_execution.id, p_execution.org_id, p_execution.root_execution_id, 2 * p_execution.depth, v_queue,
    (p_execution.gen + 1)::bigint << 32, plane.clock() + interval '2 seconds', p_execution.gen + 1,
    (v_limits ->> 'budget_usd')::numeric,
    plane.clock() + least(plane._read_duration(v_limits ->> 'timeout'), interval '365 days'))
  returning * into v_frame;
  return v_frame;
end;
$$;

-- sql/kernel/_signal_wait.sql
-- Answers one wait with a signal, or adds a vote to it. Null when it was closed by somebody else.
-- Locks: the frame, then the wait. Raises 403 missing_scope · 422 invalid_outcome.
create function plane._signal_wait(p_wait plane.waits, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by       constant uuid := plane.caller_key();
  v_outcome  text := 'answered';
  v_payload  jsonb := p_payload;
begin
  if p_wait.kind <> 'event' then
    perform plane._require_decider();
    perform plane._require_outcome(p_payload, p_wait.data -> 'outcomes');
    v_outcome := p_payload ->> 'outcome';
    v_payload := p_payload || jsonb_build_object('decided_by', v_by);
  end if;

  perform from plane.frames where execution_id = p_wait.execution_id and frame = p_wait.frame for no key update;
  if (p_wait.data ->> 'quorum')::int > 1 then
    v_payload := plane._vote(p_wait, v_payload);
    if v_payload is null then
      return null;
    end if;
    if (v_payload ->> 'missing')::int > 0 then
      return v_payload || jsonb_build_object('status', 'voted', 'token', p_wait.token, 'outcome', v_outcome, 'due', '[]'::jsonb);
    end if;
  end if;

  if not plane._answer_wait(p_wait.execution_id, p_wait.token, v_outcome, v_payload, v_by) then
    return null;
  end if;
  return jsonb_build_object(
    'status', 'answered', 'token', p_wait.token, 'outcome', v_outcome,
    'due', plane._wake(p_wait.execution_id, p_wait.frame));
end;
$$;

-- sql/kernel/_take_signal.sql
-- Answers an event wait with the oldest signal that came before it, if there is one. Whether there was.
-- The caller holds the signal's topic and the frame.
create function plane._take_signal(p_frame plane.frames, p_token text, p_name text, p_match jsonb)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_signal plane.signals;
begin
  update plane.signals
  set taken_at = plane.clock()
  where execution_id = p_frame.execution_id and id = (
    select s.id
    from plane.signals as s
    where s.execution_id = p_frame.execution_id and s.name = p_name and s.taken_at is null and plane._has_equal(s.payload, p_match)
    order by s.id
    limit 1)
  returning * into v_signal;
  if not found then
    return false;
  end if;
  return plane._answer_wait(p_frame.execution_id, p_token, 'answered', v_signal.payload, v_signal.sent_by);
end;
$$;

-- sql/kernel/_take_slice.sql
-- Moves p_parts slices out of a frame's budget for what it opens below: each gets the rest / (p_parts + 1), at most p_most.
-- Answers one slice; null when the frame has no limit. _count_down returns what is left of it. The caller holds the frame.
create function plane._take_slice(p_execution_id uuid, p_frame text, p_parts int, p_most numeric default null)
returns numeric
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slice numeric;
begin
  select least(trunc(greatest(budget_usd - spent_usd, 0) / (p_parts + 1), 9), p_most) into v_slice
  from plane.frames
  where execution_id = p_execution_id and frame = p_frame and budget_usd is not null;
  update plane.frames
  set budget_usd = budget_usd - p_parts * v_slice
  where execution_id = p_execution_id and frame = p_frame and v_slice is not null;
  return v_slice;
end;
$$;

-- sql/kernel/_violations.sql
-- What must never be true at a commit, one row for each place where it is. Read through plane.get_violations.
create view plane.violations
with (security_invoker = true)
as
-- Work
select 'a running execution has a live root frame' as invariant, e.id as execution_id, '' as frame, null::text as details
from plane.executions as e
where e.status = 'running' and e.mode = 'engine'
  and not exists (select from plane.frames as f where f.execution_id = e.id and f.frame = '' and f.status <> 'done')
union all
select 'a live frame belongs to a running execution', f.execution_id, f.frame, e.status
from plane.frames as f
join plane.executions as e on e.id = f.execution_id
where f.status <> 'done' and e.status <> 'running'
union all
select 'a live frame is of its execution''s gen', f.execution_id, f.frame, format('%s, not %s', f.gen, e.gen)
from plane.frames as f
join plane.executions as e on e.id = f.execution_id
where f.status <> 'done' and f.gen <> e.gen
union all
select 'a live frame has a live parent', f.execution_id, f.frame, f.parent_token
from plane.frames as f
where f.status <> 'done' and f.parent_token is not null
  and not exists (
    select from plane.frames as parent
    where parent.execution_id = f.parent_execution_id and parent.frame = f.parent_frame and parent.status <> 'done')
-- Holders
union all
select 'a running frame has a holder', f.execution_id, f.frame, f.owner
from plane.frames as f
where f.status = 'running' and f.claim_ref is null
union all
select 'a parked frame has no holder', f.execution_id, f.frame, f.claim_ref
from plane.frames as f
where f.status in ('waiting', 'done') and f.claim_ref is not null
-- Waits
union all
select 'a waiting frame waits for something', f.execution_id, f.frame, f.due_at::text
from plane.frames as f
where f.status = 'waiting' and f.cancel_grace_until is null and f.due_at > plane.clock() + interval '1 minute'
  and not exists (
    select from plane.waits as w
    where w.execution_id = f.execution_id and w.frame = f.frame and w.gen = f.gen and w.answered_at is null)
union all
select 'a waiting frame has been told every answer', f.execution_id, f.frame, null
from plane.frames as f
where f.status = 'waiting' and f.has_answers
union all
select 'a waiting frame is due when its first wait is', f.execution_id, f.frame, w.token
from plane.frames as f
join plane.waits as w on w.execution_id = f.execution_id and w.frame = f.frame and w.gen = f.gen and w.answered_at is null
where f.status = 'waiting' and f.cancel_grace_until is null and w.deadline < f.due_at
union all
select 'an open wait belongs to a live frame', w.execution_id, w.frame, w.token
from plane.waits as w
where w.answered_at is null
  and not exists (
    select from plane.frames as f
    where f.execution_id = w.execution_id and f.frame = w.frame and f.gen = w.gen and f.status <> 'done')
union all
select 'an open group has something left to wait for', w.execution_id, w.frame, w.token
from plane.waits as w
where w.answered_at is null and w.pending = 0
union all
select 'a group counts what lives below it', w.execution_id, w.frame, format('%s pending, %s live', w.pending, count(f.execution_id))
from plane.waits as w
left join plane.frames as f
  on f.parent_execution_id = w.execution_id and f.parent_token = w.token and f.status <> 'done'
where w.answered_at is null and w.kind in ('child', 'shards')
group by w.execution_id, w.token
having w.pending <> count(f.execution_id)
-- Records
union all
select 'a queued signal is not awaited', s.execution_id, w.frame, s.name
from plane.signals as s
join plane.waits as w on w.execution_id = s.execution_id and w.name = s.name
where s.taken_at is null and w.kind = 'event' and w.answered_at is null and plane._has_equal(s.payload, w.match);

-- sql/kernel/_vote.sql
-- Adds the caller's vote to an approval with a quorum; a key has one vote, its last. Null when the approval is closed.
-- Answers the payload, with missing: how many more keys must say the same. The caller holds the frame.
create function plane._vote(p_wait plane.waits, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_votes jsonb;
  v_same  jsonb;
begin
  update plane.waits as w
  set votes = (
    select coalesce(jsonb_agg(vote), '[]')
    from jsonb_array_elements(w.votes) as vote
    where vote -> 'decided_by' <> p_payload -> 'decided_by') || jsonb_build_array(p_payload)
  where w.execution_id = p_wait.execution_id and w.token = p_wait.token and w.answered_at is null
  returning w.votes into v_votes;
  if not found then
    return null;
  end if;
  select jsonb_agg(vote -> 'decided_by') into v_same
  from jsonb_array_elements(v_votes) as vote
  where vote -> 'outcome' = p_payload -> 'outcome';
  return p_payload || jsonb_build_object(
    'votes', v_same,
    'missing', greatest(0, (p_wait.data ->> 'quorum')::int - jsonb_array_length(v_same)));
end;
$$;

-- sql/kernel/_wait_row.sql
-- A wait as the owner of its frame sees it.
create function plane._wait_row(p_wait plane.waits)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'token', p_wait.token,
    'kind', p_wait.kind,
    'path', p_wait.path,
    'name', p_wait.name,
    'data', p_wait.data,
    'answered', p_wait.answered_at is not null,
    'outcome', p_wait.outcome,
    'payload', p_wait.payload,
    'deadline_in_ms', plane._ms_until(p_wait.deadline));
end;
$$;

-- sql/kernel/_wake.sql
-- Tells a frame that one of its waits was answered: a waiting one becomes ready, a running owner learns it with its next call.
-- Answers the doorbell, also of a running one: a dispatcher that runs it itself makes that call at once, others are told busy.
-- The caller holds the frame.
create function plane._wake(p_execution_id uuid, p_frame text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
begin
  update plane.frames
  set
    has_answers = true,
    status = case when status = 'waiting' then 'ready' else status end,
    due_at = case when status = 'waiting' then plane.clock() + interval '2 seconds' else due_at end
  where execution_id = p_execution_id and frame = p_frame and status <> 'done'
  returning * into v_frame;
  if v_frame.status in ('ready', 'running') then
    return jsonb_build_array(plane._doorbell(v_frame));
  end if;
  return '[]';
end;
$$;

-- sql/kernel/_write_frame.sql
-- The one update of a frame in a checkpoint. due_at is indexed: while it runs it moves only when less than a third of the lease
-- is left, so that updates stay HOT. Who parks, chains or ends leaves no claim behind.
create function plane._write_frame(p_frame plane.frames, p jsonb, p_step jsonb, p_written int)
returns plane.frames
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
    dispatches = 0,
    records = records + p_written,
    spent_usd = p_frame.spent_usd,
    has_answers = false,
    last_checkpoint = p_step
  where execution_id = p_frame.execution_id and frame = p_frame.frame
  returning * into v_frame;
  return v_frame;
end;
$$;

-- sql/kernel/act.sql
-- Runs a tenant's verb for a step, as the organisation of its frame and under that organisation's row-level security.
--
-- p: {execution_id, frame, epoch, verb, payload, idempotency_key} · answers what the verb answers, or {ok: false, reason: stale}
-- A change is made exactly once by idempotency_key within the execution; another payload under it: 422 idempotency_mismatch.
-- SECURITY INVOKER, because a role cannot be set inside a definer: plane_runner becomes authenticated for the rest of the transaction.
-- Raises 422 unknown_verb and what the verb raises.
create function plane.act(p jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
    when 'publish_event' then
      v_answer := plane.publish_event(v_payload ->> 'name', v_payload -> 'payload', (p ->> 'execution_id')::uuid, v_key);
    else
      perform plane.raise_error(422, 'unknown_verb', format('A step cannot call %s.', p ->> 'verb'));
  end case;
  return gateway._end_once(v_key, v_answer) -> 'answer';
end;
$$;

-- sql/kernel/cancel_execution.sql
-- Asks one of the caller's executions to stop, with all that lives below it. Again, also once it is cancelled: the same answer.
--
-- Answers {status, due: [doorbell]}. Called by api.cancel_execution. It ends when its owner has stopped; an external one at once.
-- Locks: its frames and those of its children, deepest first, then their waits; an external one: its row.
-- Raises 404 · 409 already_ended.
create function plane.cancel_execution(p_execution_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
    perform plane._end_execution(p_execution_id, 'cancelled', null, '{"code": "cancelled", "message": "It was cancelled."}');
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
$$;

alter function plane.cancel_execution(uuid) owner to plane_kernel;

-- sql/kernel/checkpoint.sql
-- Writes what happened in a frame since its last checkpoint, and says what comes next. One statement, at most one commit.
--
-- p: {execution_id, frame, epoch, seq, records, in_flight, open, close, next: running | ready | waiting | done, finish, lease_seconds}
--    seq is the last one + 1; the same seq again gets the same answer
-- Answers {ok, seq, status, cancel, over_budget, answered, conflicts, due_in_ms, due, adopted, draining}, or {ok: false, reason: stale}.
-- Locks: topics, deeper frames, the frame, its parent, waits. What is read about waits is read after the frame's lock, in
-- statements of their own: a wait that was answered until then is in this answer, later ones wake the frame.
create function plane.checkpoint(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant uuid := (p ->> 'execution_id')::uuid;
  v_name      constant text := coalesce(p ->> 'frame', '');
  v_seq       constant bigint := (p ->> 'seq')::bigint;
  v_frame     plane.frames;
  v_written   record;
  v_step      jsonb;
begin
  perform plane._check_isolation();
  if p ->> 'next' = 'done' or jsonb_array_length(p -> 'open') > 0 or jsonb_array_length(p -> 'close') > 0 then
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
  v_step := plane._move_on(v_frame, p) || jsonb_build_object('conflicts', v_written.conflicts);
  v_frame := plane._write_frame(v_frame, p, v_step, v_written.written);
  return plane._checkpointed(v_frame, false);
end;
$$;

alter function plane.checkpoint(jsonb) owner to plane_kernel;

-- sql/kernel/claim.sql
-- Takes a frame that is due: lease, next epoch, and everything to plan over. One statement at any length.
--
-- p: {execution_id, frame, queue, claim_ref, owner, lease_seconds = 30, known: [content_hash]}
-- The same claim_ref gets the same epoch again while it holds the frame: a lost answer costs nothing.
-- Refusals: {ok: false, reason: gone | wrong_queue | busy | not_due, retry_in_ms}
-- Locks: the frame, then its waits.
create function plane.claim(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref   text := p ->> 'claim_ref';
  v_lease numeric := coalesce((p ->> 'lease_seconds')::numeric, 30);
  v_known jsonb := coalesce(p -> 'known', '[]');
  v_frame plane.frames;
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
$$;

alter function plane.claim(jsonb) owner to plane_kernel;

-- sql/kernel/end_external_execution.sql
-- Ends one of the caller's external executions, as its own runner reports it.
--
-- p: {execution_id, status: succeeded | failed | cancelled, output?, error?, cost_usd?}
-- Answers {status, is_new}; is_new false: it had ended already, as status says, and nothing is changed.
-- Called by api.update_execution. Raises 404 · 409 not_external · 422 invalid_status.
create function plane.end_external_execution(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
  perform plane._end_execution(
    v_execution.id, p ->> 'status', nullif(p -> 'output', 'null'), nullif(p -> 'error', 'null'));
  if p ? 'cost_usd' then
    update plane.executions
    set cost_usd = (p ->> 'cost_usd')::numeric, known_cost_usd = coalesce((p ->> 'cost_usd')::numeric, 0)
    where id = v_execution.id;
  end if;
  return jsonb_build_object('status', p -> 'status', 'is_new', true);
end;
$$;

alter function plane.end_external_execution(jsonb) owner to plane_kernel;

-- sql/kernel/extend_lease.sql
-- Says that an owner is alive, and tells it what changed. Only reads, unless the lease runs short or a wait is due.
--
-- p: {execution_id, frame, epoch, lease_seconds, in_flight?} · answers {ok, cancel, over_budget, answered, lease_ms}
-- Does not bump seq, and what it tells is told again by the next checkpoint.
-- Locks: the frame, when it writes.
create function plane.extend_lease(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant uuid := (p ->> 'execution_id')::uuid;
  v_name      constant text := coalesce(p ->> 'frame', '');
  v_epoch     constant bigint := (p ->> 'epoch')::bigint;
  v_lease     constant numeric := coalesce((p ->> 'lease_seconds')::numeric, 30);
  v_frame     plane.frames;
begin
  perform plane._check_isolation();
  select * into v_frame from plane.frames where execution_id = v_execution and frame = v_name;
  if v_frame.status = 'ready'
    or v_frame.due_at <= plane.clock() + v_lease * interval '1 second' / 3
    or v_frame.wait_deadline <= plane.clock()
    or v_frame.in_flight <> p -> 'in_flight'
  then
    select * into v_frame from plane.frames where execution_id = v_execution and frame = v_name for no key update;
    if plane._is_held(v_frame, v_epoch) then
      v_frame := plane._extend(v_frame, v_lease, p -> 'in_flight');
    end if;
  end if;
  if not plane._is_held(v_frame, v_epoch) then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;

  return jsonb_build_object(
    'ok', true,
    'cancel', plane._cancel_cause(v_frame),
    'over_budget', plane._over_budget(v_frame),
    'answered', case when v_frame.has_answers then plane._list_waits(v_frame, true) else '[]' end,
    'lease_ms', plane._ms_until(v_frame.due_at));
end;
$$;

alter function plane.extend_lease(jsonb) owner to plane_kernel;

-- sql/kernel/get_violations.sql
-- Every broken invariant of the engine; must be empty. Health and the tests read it.
create function plane.get_violations(p jsonb)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(v), '[]')
  from (select * from plane.violations order by invariant, execution_id, frame limit coalesce((p ->> 'limit')::int, 100)) as v;
$$;

alter function plane.get_violations(jsonb) owner to plane_kernel;

-- sql/kernel/load_records.sql
-- More of what an owner plans over, in pages of at most 4 MB: the records of one scope, or bodies of large outputs.
--
-- p: {execution_id, frame, epoch, parent, after?} → {ok, records, more}; after is the path of the last one
-- p: {execution_id, frame, epoch, refs: [hex]} → {ok, payloads: {hex: body}, more}; ask again for those that are missing
create function plane.load_records(p jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame plane.frames;
begin
  select * into v_frame
  from plane.frames
  where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '');
  if not plane._is_held(v_frame, (p ->> 'epoch')::bigint) then
    return jsonb_build_object('ok', false, 'reason', 'stale');
  end if;
  if p ? 'refs' then
    return plane._load_payloads(v_frame.org_id, p -> 'refs');
  end if;
  return plane._load_scope(v_frame, p ->> 'parent', p ->> 'after');
end;
$$;

alter function plane.load_records(jsonb) owner to plane_kernel;

-- sql/kernel/publish_event.sql
-- Publishes an event in the caller's organisation: it is recorded, and answers every open wait for it that matches.
--
-- p_idempotency_key: the second event with it changes nothing
-- Answers {id, matched, due: [doorbell]}. Called by plane.act. An event counts only for waits that are open now.
-- Locks: the topic, then the frames that wait (deepest first), then the waits.
create function plane.publish_event(p_name text, p_payload jsonb, p_execution_id uuid default null, p_idempotency_key text default null)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org     constant uuid := plane._require_org();
  v_id      bigint;
  v_wait    plane.waits;
  v_matched int := 0;
  v_due     jsonb := '[]';
begin
  perform plane._check_isolation();
  perform plane._lock_topics(array[v_org || '/' || p_name]);
  insert into plane.events (org_id, execution_id, type, name, data, idempotency_key)
  values (v_org, p_execution_id, 'event', p_name, coalesce(p_payload, '{}'), p_execution_id || '/' || p_idempotency_key)
  on conflict (org_id, idempotency_key) where idempotency_key is not null do nothing
  returning feed_id into v_id;
  if v_id is null then
    select feed_id into v_id
    from plane.events
    where org_id = v_org and idempotency_key = p_execution_id || '/' || p_idempotency_key;
    return jsonb_build_object('id', v_id::text, 'matched', 0, 'due', v_due);
  end if;

  perform
  from plane.frames as f
  where (f.execution_id, f.frame) in (
    select w.execution_id, w.frame
    from plane.waits as w
    where w.org_id = v_org and w.name = p_name and w.kind = 'event' and w.answered_at is null
      and plane._has_equal(p_payload, w.match))
  order by f.depth desc, f.execution_id, f.frame
  for no key update;

  for v_wait in
    select *
    from plane.waits as w
    where w.org_id = v_org and w.name = p_name and w.kind = 'event' and w.answered_at is null
      and plane._has_equal(p_payload, w.match)
  loop
    if plane._answer_wait(v_wait.execution_id, v_wait.token, 'answered', p_payload) then
      v_matched := v_matched + 1;
      v_due := v_due || plane._wake(v_wait.execution_id, v_wait.frame);
    end if;
  end loop;
  return jsonb_build_object('id', v_id::text, 'matched', v_matched, 'due', v_due);
end;
$$;

alter function plane.publish_event(text, jsonb, uuid, text) owner to plane_kernel;

-- sql/kernel/record_external_step.sql
-- Records an ended step of one of the caller's external executions, as its own runner reports it. Once a path.
--
-- p: {execution_id, step: a record as plane.checkpoint takes it} · answers {path, status}
-- Raises 404 · 409 not_external, already_ended, already_recorded.
create function plane.record_external_step(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions := plane._require_execution((p ->> 'execution_id')::uuid);
  v_frame     plane.frames;
  v_written   record;
begin
  select * into v_execution from plane.executions where id = v_execution.id for no key update;
  if v_execution.mode <> 'external' then
    perform plane.raise_error(409, 'not_external', 'The engine runs this execution and records its steps.');
  elsif v_execution.status <> 'running' then
    perform plane.raise_error(409, 'already_ended', format('The execution has ended: %s.', v_execution.status));
  end if;

  v_frame.execution_id := v_execution.id;
  v_frame.org_id := v_execution.org_id;
  v_frame.gen := v_execution.gen;
  v_frame.frame := '';
  select * into v_written from plane._record_steps(v_frame, 0, jsonb_build_array(p -> 'step'));
  if v_written.written = 0 then
    perform plane.raise_error(409, 'already_recorded', format('The step %s has been recorded already.', p -> 'step' ->> 'path'));
  end if;
  return jsonb_build_object('path', p -> 'step' -> 'path', 'status', p -> 'step' -> 'status');
end;
$$;

alter function plane.record_external_step(jsonb) owner to plane_kernel;

-- sql/kernel/report_dead.sql
-- The platform's notice that the holder of a claim is gone. Acts only if the ref still holds the frame. Answers {due: [doorbell]}.
-- p: {execution_id, frame, claim_ref} · Locks: the frame.
create function plane.report_dead(p jsonb)
returns jsonb
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  with freed as (
    update plane.frames
    set status = 'ready', due_at = plane.clock() + interval '2 seconds'
    where execution_id = (p ->> 'execution_id')::uuid and frame = coalesce(p ->> 'frame', '')
      and claim_ref = p ->> 'claim_ref' and status = 'running'
    returning frames.*
  )
  select jsonb_build_object('due', coalesce(jsonb_agg(plane._doorbell(freed)), '[]')) from freed;
$$;

alter function plane.report_dead(jsonb) owner to plane_kernel;

-- sql/kernel/report_owner_dead.sql
-- A restarted plane's notice that its former self is gone: everything that it held is ready. Answers {due: [doorbell]}.
-- p: {owner} · Locks: its frames, those that nobody else works on right now.
create function plane.report_owner_dead(p jsonb)
returns jsonb
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  with held as (
    select execution_id, frame
    from plane.frames
    where owner = p ->> 'owner' and status = 'running'
    order by depth desc, execution_id, frame
    for no key update skip locked
  ), freed as (
    update plane.frames as f
    set status = 'ready', due_at = plane.clock() + interval '2 seconds'
    from held
    where f.execution_id = held.execution_id and f.frame = held.frame
    returning f.*
  )
  select jsonb_build_object('due', coalesce(jsonb_agg(plane._doorbell(freed)), '[]')) from freed;
$$;

alter function plane.report_owner_dead(jsonb) owner to plane_kernel;

-- sql/kernel/retry_execution.sql
-- Runs one of the caller's ended executions again, from what it keeps: the next gen, with the kept steps copied over.
--
-- p_keep: paths whose succeeded records are carried; null: all that succeeded
-- Answers {execution_id, gen, status, due: [doorbell]}. Called by api.retry_execution. A child runs on its own: its parent has gone on.
-- Locks: its frames. Raises 404 · 409 still_running, already_succeeded, not_retryable.
create function plane.retry_execution(p_execution_id uuid, p_keep text[])
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
    jsonb_build_object('gen', v_execution.gen + 1, 'by', plane.caller_key()));
  return jsonb_build_object(
    'execution_id', p_execution_id, 'gen', v_execution.gen + 1, 'status', 'running', 'due', jsonb_build_array(plane._doorbell(v_frame)));
end;
$$;

alter function plane.retry_execution(uuid, text[]) owner to plane_kernel;

-- sql/kernel/signal_execution.sql
-- Answers the oldest open wait of that name in one of the caller's executions, or queues the signal until one opens.
--
-- p_name: the path of an approval or of an unknown step, the name of an event, or budget
-- p_payload: approval {outcome, form?} · unknown {outcome, output?} · budget {outcome, form: {usd}} · event: anything
-- Answers {status: answered | voted | queued, token, outcome, due: [doorbell]}. Called by api.signal_execution.
-- Locks: the signal's topic, the frame, the wait.
-- Raises 403 missing_scope · 404 · 409 not_waiting, wait_closed · 410 execution_ended · 422 invalid_outcome.
create function plane.signal_execution(p_execution_id uuid, p_name text, p_payload jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane._require_execution(p_execution_id);
  v_wait      plane.waits;
  v_answer    jsonb;
begin
  perform plane._check_isolation();
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
$$;

alter function plane.signal_execution(uuid, text, jsonb) owner to plane_kernel;

-- sql/kernel/start_execution.sql
-- Starts an execution of one of the caller's versions.
--
-- p: {version_id, mode = engine, input, agent_id?, executed_with_model?, callback_url?, restarted_from?, budget_usd?}
-- Answers {execution_id, status, due: [doorbell]}. Called by api.start_execution. Never claims.
-- Raises 404 version_not_found · 422 not_runnable.
create function plane.start_execution(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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

  v_frame := plane._create_execution(v_version, p || jsonb_build_object('id', v_id, 'created_by', plane.caller_key()));
  return jsonb_build_object(
    'execution_id', v_id,
    'status', 'running',
    'due', case when v_frame.execution_id is null then '[]' else jsonb_build_array(plane._doorbell(v_frame)) end);
end;
$$;

alter function plane.start_execution(jsonb) owner to plane_kernel;

-- sql/kernel/sweep.sql
-- Finds what is due and nobody has noticed: expired leases, timers, lost doorbells. All the same, so it is the net for all of them.
--
-- p: {limit = 200, per_org = 50, backoff_seconds = 2} · answers {due: [doorbell], next_due_in_ms, deleted}
-- A frame that is swept again and again without a claim comes back after 2, 4, 8 … 60 s. Never changes an epoch: only a claim evicts.
-- Locks: frames, skipping those that somebody holds. Any number of sweepers may run.
create function plane.sweep(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 200);
  v_backoff constant numeric := coalesce((p ->> 'backoff_seconds')::numeric, 2);
  v_due     jsonb;
begin
  perform plane._check_isolation();
  with locked as (
    select f.execution_id, f.frame
    from plane._overdue(v_limit, coalesce((p ->> 'per_org')::int, 50)) as o
    join plane.frames as f using (execution_id, frame)
    where f.due_at <= plane.clock() and f.status <> 'done'
    for no key update of f skip locked
  ), swept as (
    update plane.frames as f
    set
      status = 'ready',
      dispatches = f.dispatches + 1,
      due_at = plane.clock() + least(60, v_backoff * 2 ^ least(f.dispatches, 10)) * interval '1 second'
    from locked
    where f.execution_id = locked.execution_id and f.frame = locked.frame
    returning f.*
  )
  select coalesce(jsonb_agg(plane._doorbell(swept)), '[]') into v_due from swept;

  return jsonb_build_object('due', v_due, 'deleted', plane._forget(v_limit), 'next_due_in_ms', plane._ms_until(plane._next_due()));
end;
$$;

alter function plane.sweep(jsonb) owner to plane_kernel;

-- sql/api/_agent_health.sql
-- How an agent is doing, from its lease alone.
-- active  has no lease (serverless: never lost), or was seen within it
-- late    was last seen more than one lease ago · lost: more than three
-- called by: agent_json, list_agents
create function plane.agent_health(p_lease_seconds int, p_last_seen_at timestamptz)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_lease_seconds is null or plane.clock() < p_last_seen_at + make_interval(secs => p_lease_seconds) then 'active'
    when plane.clock() < p_last_seen_at + make_interval(secs => 3 * p_lease_seconds) then 'late'
    else 'lost'
  end;
$$;

-- sql/api/_agent_json.sql
-- An agent as the API shows it.
create function plane.agent_json(p_agent plane.agents)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', p_agent.id,
    'name', p_agent.name,
    'framework', p_agent.framework,
    'description', p_agent.description,
    'capabilities', p_agent.capabilities,
    'endpoint', p_agent.endpoint,
    'config', p_agent.config,
    'status', p_agent.status,
    'health', plane.agent_health(p_agent.lease_seconds, p_agent.last_seen_at),
    'lease_seconds', p_agent.lease_seconds,
    'lease_until', p_agent.last_seen_at + make_interval(secs => p_agent.lease_seconds),
    'last_seen_at', p_agent.last_seen_at,
    'created_at', p_agent.created_at,
    'updated_at', p_agent.updated_at);
$$;

-- sql/api/_event_json.sql
-- What happened as the API answers it: {at, type, path, name, data}, from an ended step or from an event, whichever is there.
create function plane.event_json(p_step plane.checkpoints, p_event plane.events)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_data jsonb := p_event.data;
begin
  if p_step.path is not null then
    v_data := jsonb_strip_nulls(jsonb_build_object(
      'kind', p_step.kind, 'gen', p_step.gen, 'attempts', case p_step.status when 'skipped' then 0 else p_step.attempts end,
      'duration_ms', plane.step_duration(p_step),
      'error', p_step.error, 'reason', p_step.details -> 'reason', 'model', p_step.model, 'input_tokens', p_step.input_tokens,
      'output_tokens', p_step.output_tokens, 'cost_usd', p_step.cost_usd::text,
      'is_cost_unknown', nullif(p_step.is_cost_unknown, false)));
    if p_step.status = 'succeeded' and p_step.output is not null then
      v_data := v_data || jsonb_build_object('output', p_step.output);
    end if;
    return jsonb_build_object('at', p_step.ended_at, 'type', 'step.' || p_step.status, 'path', p_step.path, 'name', null, 'data', v_data);
  end if;

  if p_event.type = 'wait.opened' then
    v_data := v_data || coalesce((
      select jsonb_strip_nulls(jsonb_build_object('message', w.data -> 'message'))
      from plane.waits as w
      where w.execution_id = p_event.execution_id and w.token = p_event.data ->> 'token'
    ), '{}');
  end if;
  return jsonb_build_object('at', p_event.at, 'type', p_event.type, 'path', p_event.path, 'name', p_event.name, 'data', v_data);
end;
$$;

-- sql/api/_execution_json.sql
-- An execution as the API answers it. In lists (p_whole false) an input or output over 8 kB is left out and named in left_out.
-- cost_usd is null while it runs and when a price is unknown; known_cost_usd is what is known so far (in lists: at the end).
create function plane.execution_json(p_execution plane.executions, p_whole boolean)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_leaves_input  constant boolean := not p_whole and octet_length(p_execution.input::text) > 8192;
  v_leaves_output constant boolean := not p_whole and coalesce(octet_length(p_execution.output::text), 0) > 8192;
begin
  return jsonb_build_object(
    'id', p_execution.id,
    'workflow', (select w.name from plane.workflows as w where w.id = p_execution.workflow_id),
    'workflow_id', p_execution.workflow_id,
    'version', (select v.version from plane.workflow_versions as v where v.id = p_execution.version_id),
    'version_id', p_execution.version_id,
    'mode', p_execution.mode,
    'status', plane.execution_status(p_execution),
    'gen', p_execution.gen,
    'input', case when not v_leaves_input then p_execution.input end,
    'output', case when not v_leaves_output then p_execution.output end,
    'left_out', to_jsonb(array_remove(array[
      case when v_leaves_input then 'input' end, case when v_leaves_output then 'output' end], null)),
    'error', p_execution.error,
    'agent_id', p_execution.agent_id,
    'executed_with_model', p_execution.executed_with_model,
    'cost_usd', p_execution.cost_usd::text,
    'known_cost_usd', coalesce(p_execution.known_cost_usd, case when p_whole then plane.known_cost(p_execution) end)::text,
    'waiting_for', case when p_execution.status = 'running' then plane.waiting_for(p_execution) else '[]' end,
    'parent_execution_id', p_execution.parent_execution_id,
    'parent_path', p_execution.parent_path,
    'restarted_from', p_execution.restarted_from,
    'created_at', p_execution.created_at,
    'deadline_at', p_execution.deadline_at,
    'cancel_requested_at', p_execution.cancel_requested_at,
    'ended_at', p_execution.ended_at
  );
end;
$$;

-- sql/api/_execution_status.sql
-- The status as callers see it: a running execution is queued until somebody claimed it, and waiting while all its frames are parked.
-- An external one stays running until it is reported ended.
create function plane.execution_status(p_execution plane.executions)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_execution.status <> 'running' or p_execution.mode = 'external' then p_execution.status
    else coalesce((
      select case
        when bool_or(f.status = 'running') then 'running'
        when bool_and(f.status = 'ready' and f.seq = 0 and f.stall = 0) then 'queued'
        when bool_or(f.status = 'ready') then 'running'
        else 'waiting'
      end
      from plane.frames as f
      where f.execution_id = p_execution.id and f.status <> 'done'
    ), 'running')
  end;
$$;

-- sql/api/_find_agent.sql
-- The caller's agent of this id or, when that is null, of this name.
-- called by: every verb about one agent · raises: 404 agent_not_found
create function plane.find_agent(p_id uuid, p_name text)
returns plane.agents
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent plane.agents;
begin
  select * into v_agent
  from plane.agents
  where org_id = plane.caller_org() and deleted_at is null
    and (id = p_id or (p_id is null and name = p_name));
  if not found then
    perform plane.raise_error(404, 'agent_not_found', format('There is no agent %s.', coalesce(p_id::text, p_name)),
      'List the agents, or register it.',
      '{"next": [{"why": "list the agents", "method": "GET", "path": "/api/agents"}]}');
  end if;
  return v_agent;
end;
$$;

-- sql/api/_find_execution.sql
-- The caller's execution by the id in a payload.
-- raises: 404 execution_not_found
create function plane.find_execution(p_id text)
returns plane.executions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution plane.executions;
begin
  select * into v_execution from plane.executions where id = p_id::uuid and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'execution_not_found', format('there is no execution %s', p_id),
      'List the newest ones.', jsonb_build_object('next', jsonb_build_array(
        jsonb_build_object('why', 'list the newest executions', 'method', 'GET', 'path', '/api/executions'))));
  end if;
  return v_execution;
end;
$$;

-- sql/api/_find_step.sql
-- The record of an ended step in the latest gen of an execution; null when it has not ended.
create function plane.find_step(p_execution plane.executions, p_path text)
returns plane.checkpoints
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c from plane.checkpoints as c
  where c.execution_id = p_execution.id and c.gen = p_execution.gen and c.path = p_path;
$$;

-- sql/api/_find_version.sql
-- The version that a caller means: by name and number, by name (the newest), by a workflow's id (the newest), or by a version's id.
-- raises: 404 workflow_not_found, version_not_found
create function plane.find_version(payload jsonb, out workflow plane.workflows, out version plane.workflow_versions)
returns record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org    constant uuid := plane.caller_org();
  v_id     constant uuid := (payload ->> 'workflow_id')::uuid;
  v_number int := (payload ->> 'version')::int;
begin
  if v_id is null then
    select * into workflow from plane.workflows where org_id = v_org and name = payload ->> 'name';
  else
    select * into workflow from plane.workflows where org_id = v_org and id = v_id;
    if workflow.id is null then
      select * into version from plane.workflow_versions where org_id = v_org and id = v_id;
      select * into workflow from plane.workflows where org_id = v_org and id = version.workflow_id;
      v_number := coalesce(v_number, version.version);
    end if;
  end if;
  if workflow.id is null then
    perform plane.raise_error(404, 'workflow_not_found', format('there is no workflow %s', coalesce(v_id::text, payload ->> 'name')),
      'List them, or store it first.', jsonb_build_object('next', jsonb_build_array(
        jsonb_build_object('why', 'list the workflows', 'method', 'GET', 'path', '/api/workflows'),
        jsonb_build_object('why', 'store a workflow', 'method', 'POST', 'path', '/api/workflows'))));
  end if;
  v_number := coalesce(v_number, workflow.latest);
  select * into version
  from plane.workflow_versions v
  where v.org_id = v_org and v.workflow_id = workflow.id and v.version = v_number;
  if version.id is null then
    perform plane.raise_error(404, 'version_not_found', format('%s has no version %s', workflow.name, v_number),
      format('Its newest version is %s.', workflow.latest), jsonb_build_object('next', jsonb_build_array(
        jsonb_build_object('why', 'list its versions', 'method', 'GET', 'path', format('/api/workflows/%s/versions', workflow.name)))));
  end if;
end;
$$;

-- sql/api/_key_json.sql
-- A key as the API shows it: never its hash.
create function plane.key_json(p_key plane.api_keys)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
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
    'last_used_at', p_key.last_used_at);
$$;

-- sql/api/_known_cost.sql
-- What is known of the cost of an execution that has not ended: of its steps, and of its ended children.
create function plane.known_cost(p_execution plane.executions)
returns numeric
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select (coalesce((
    select sum(c.cost_usd) from plane.checkpoints as c where c.execution_id = p_execution.id and not c.is_carried
  ), 0) + coalesce((
    select sum(e.known_cost_usd)
    from plane.executions as e
    where e.root_execution_id = p_execution.root_execution_id and e.parent_execution_id = p_execution.id
  ), 0))::numeric(18, 9);
$$;

-- sql/api/_match_state.sql
-- Locks the caller's value, when there is one that has not expired, and compares it with what the caller expects.
--
-- payload: {component, key, if_version?: 0 means that there is none, if_match?: an ETag, * means that there is one}
-- Gives null when there is none. The lock orders writers of one key that exists; two that make it at once meet in the
-- primary key. Called by the verbs that write state. Raises 409 state_version_conflict ·
-- 412 precondition_failed · 422 invalid_input (names of steps come from templates, so their length is checked here).
create function plane.match_state(payload jsonb)
returns plane.state
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_expected constant bigint := (payload ->> 'if_version')::bigint;
  v_tag      constant text := payload ->> 'if_match';
  v_state    plane.state;
  v_version  bigint := 0;
begin
  if coalesce(char_length(payload ->> 'component'), 0) not between 1 and 200
    or coalesce(char_length(payload ->> 'key'), 0) not between 1 and 500 then
    perform plane.raise_error(422, 'invalid_input', 'A component has 1 to 200 characters and a key 1 to 500.',
      'Shorten it, for example by a hash.');
  end if;
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
$$;

-- sql/api/_merge_json.sql
-- Applies a JSON merge patch (RFC 7396): objects are merged, null removes, all else replaces. Called by merge_state.
create function plane.merge_json(p_target jsonb, p_patch jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_patch) <> 'object' then p_patch
    else (
      select coalesce(jsonb_object_agg(k.key, plane.merge_json(t.old -> k.key, p_patch -> k.key)) filter (
          where jsonb_typeof(p_patch -> k.key) <> 'null'), '{}')
        || (t.old - (select coalesce(array_agg(p.key), '{}') from jsonb_object_keys(p_patch) as p (key)))
      from (select case jsonb_typeof(p_target) when 'object' then p_target else '{}' end as old) as t
      left join lateral jsonb_object_keys(p_patch) as k (key) on true
      group by t.old
    )
  end;
$$;

-- sql/api/_note_agent.sql
-- Takes a write that names an agent as its sign of life, at most every five seconds, without ever waiting for a lock.
-- called by: verbs with an agent_id · raises: 422 unknown_agent
create function plane.note_agent(p_agent_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_agent_id is null then
    return;
  end if;
  perform plane.require_agent(p_agent_id, '/agent_id');
  update plane.agents
  set last_seen_at = plane.clock()
  where id = (
    select id
    from plane.agents
    where id = p_agent_id and deleted_at is null and last_seen_at < plane.clock() - interval '5 seconds'
    for no key update skip locked
  );
end;
$$;

-- sql/api/_require_agent.sql
-- Refuses an agent that the caller's organisation does not have; null is fine.
-- raises: 422 unknown_agent, naming the field by p_pointer
create function plane.require_agent(p_agent_id uuid, p_pointer text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_agent_id is null or exists (select from plane.agents where id = p_agent_id and org_id = plane.caller_org()) then
    return;
  end if;
  perform plane.raise_error(422, 'unknown_agent', format('there is no agent %s', p_agent_id),
    'Register it with POST /api/agents and use the id of the answer.',
    jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
      'pointer', p_pointer, 'code', 'unknown_agent', 'message', format('there is no agent %s', p_agent_id)))));
end;
$$;

-- sql/api/_require_external.sql
-- Refuses an execution that the engine runs: nobody else reports its progress.
-- raises: 409 not_external
create function plane.require_external(p_execution plane.executions)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_execution.mode = 'external' then
    return;
  end if;
  perform plane.raise_error(409, 'not_external', format('The engine runs execution %s and reports it itself.', p_execution.id),
    'Only executions of mode external are reported. This one can be cancelled, signalled, retried and restarted.',
    jsonb_build_object('next', jsonb_build_array(
      jsonb_build_object('why', 'see where it stands', 'method', 'GET', 'path', format('/api/executions/%s', p_execution.id)),
      jsonb_build_object('why', 'cancel it', 'method', 'POST', 'path', format('/api/executions/%s/cancel', p_execution.id)))));
end;
$$;

-- sql/api/_require_running.sql
-- Refuses an execution that has ended.
-- raises: 409 already_ended
create function plane.require_running(p_execution plane.executions)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_execution.status = 'running' then
    return;
  end if;
  perform plane.raise_error(409, 'already_ended', format('Execution %s is %s already.', p_execution.id, p_execution.status),
    'It has ended for good. Restart it: that starts another one with the same input.',
    jsonb_build_object('status_now', p_execution.status, 'next', jsonb_build_array(
      jsonb_build_object('why', 'start another one', 'method', 'POST', 'path', format('/api/executions/%s/restart', p_execution.id)))));
end;
$$;

-- sql/api/_require_signaller.sql
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

-- sql/api/_spending.sql
-- What cost something in a time, one row a call: ended steps that called a model or name a price, and what external executions
-- reported at their end beyond their steps. is_cost_unknown: its price is not known, which is not the same as 0.
-- uses: checkpoints_recent, executions_reported_cost
create function plane.spending(p_from timestamptz, p_to timestamptz)
returns table (
  execution_id uuid, path text, model text, provider text, input_tokens bigint, output_tokens bigint,
  cost_usd numeric, is_cost_unknown boolean
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c.execution_id, c.path, c.model, c.provider, c.input_tokens, c.output_tokens, c.cost_usd, c.is_cost_unknown
  from plane.checkpoints as c
  where c.org_id = (select plane.caller_org()) and c.ended_at >= p_from and c.ended_at < p_to and not c.is_carried
    and (c.model is not null or c.cost_usd is not null or c.is_cost_unknown)
  union all
  select e.id, null, e.executed_with_model, null, null, null, e.known_cost_usd - coalesce(s.cost_usd, 0), false
  from plane.executions as e
  left join lateral (
    select sum(c.cost_usd) as cost_usd from plane.checkpoints as c where c.execution_id = e.id and not c.is_carried
  ) as s on true
  where e.org_id = (select plane.caller_org()) and e.mode = 'external' and e.known_cost_usd is not null
    and e.ended_at >= p_from and e.ended_at < p_to
    and e.known_cost_usd > coalesce(s.cost_usd, 0);
$$;

-- sql/api/_state_etag.sql
-- What If-Match compares. Called by state_json and match_state.
create function plane.state_etag(p_version bigint, p_updated_at timestamptz)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_version || '-' || to_hex((extract(epoch from p_updated_at) * 1000000)::bigint);
$$;

-- sql/api/_state_json.sql
-- A value of state as the API shows it. Version and time make the ETag: a key that was deleted and made again has another one.
create function plane.state_json(p_state plane.state)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'component', p_state.component,
    'key', p_state.key,
    'value', p_state.value,
    'version', p_state.version,
    'agent_id', p_state.agent_id,
    'expires_at', p_state.expires_at,
    'created_at', p_state.created_at,
    'updated_at', p_state.updated_at,
    'etag', plane.state_etag(p_state.version, p_state.updated_at));
$$;

-- sql/api/_step_begun.sql
-- When an external step was first reported to run: as the report says, or when it came. Null when it never was.
-- called by: report_step
create function plane.step_begun(p_execution plane.executions, p_path text)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((e.data ->> 'started_at')::timestamptz, e.at)
  from plane.events as e
  where e.org_id = p_execution.org_id and e.execution_id = p_execution.id and e.type = 'step.running' and e.path = p_path
  order by e.feed_id
  limit 1;
$$;

-- sql/api/_step_duration.sql
-- How many milliseconds a step took. What waited for people, time, events or a child is counted from the opening of its first wait.
-- Null for the records of groups and repetitions: they last as long as what is below them, deciding them takes no time.
create function plane.step_duration(p_step plane.checkpoints)
returns numeric
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_step.duration_ms > 0 then
    return p_step.duration_ms;
  elsif p_step.details ? 'started_at' then
    return greatest(0, round(1000 * extract(epoch from
      coalesce((p_step.details ->> 'ended_at')::timestamptz, p_step.ended_at) - (p_step.details ->> 'started_at')::timestamptz), 3));
  elsif p_step.kind in ('approval', 'wait', 'workflow') then
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
$$;

-- sql/api/_step_json.sql
-- An ended step as the API answers it, without its output. What waited began when its wait was opened; an external agent may say
-- itself when it was.
create function plane.step_json(p_step plane.checkpoints)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_duration_ms constant numeric := plane.step_duration(p_step);
begin
  if p_step.path is null then
    return null;
  end if;
  return jsonb_build_object(
    'path', p_step.path, 'parent', p_step.parent, 'kind', p_step.kind, 'status', p_step.status, 'error', p_step.error,
    'attempts', case p_step.status when 'skipped' then 0 else p_step.attempts end,
    'started_at', coalesce((p_step.details ->> 'started_at')::timestamptz, p_step.ended_at - v_duration_ms * interval '1 millisecond'),
    'ended_at', coalesce((p_step.details ->> 'ended_at')::timestamptz, p_step.ended_at),
    'duration_ms', v_duration_ms,
    'usage', case when p_step.model is not null or p_step.input_tokens is not null or p_step.output_tokens is not null
      then jsonb_build_object('model', p_step.model, 'provider', p_step.provider,
        'input_tokens', p_step.input_tokens, 'output_tokens', p_step.output_tokens) end,
    'cost_usd', p_step.cost_usd::text, 'is_cost_unknown', p_step.is_cost_unknown, 'is_carried', p_step.is_carried,
    'gen', p_step.gen, 'details', coalesce(plane.with_money(p_step.details), '{}')
  );
end;
$$;

-- sql/api/_step_kind.sql
-- The kind of the step at a path, as its version's document says; indexes do not count. Null when the document has no such step.
create function plane.step_kind(p_execution plane.executions, p_path text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select s ->> 'kind'
  from plane.workflow_versions as v, jsonb_array_elements(v.steps) as s
  where v.id = p_execution.version_id and s ->> 'path' = regexp_replace(p_path, '\[\d+\]', '', 'g')
  limit 1;
$$;

-- sql/api/_step_rows.sql
-- A page of the steps of an execution as it is now, one row a path: the ended ones of its latest gen, the running, the waiting ones.
--
-- phase orders them: 0 ended (by feed_id), 1 running, 2 waiting (by path). p_after: {phase, feed_id, path} of the last one of the page
-- before. p_path: only this step and what is below it. step has no output; output and output_ref stand beside it.
create function plane.step_rows(p_execution plane.executions, p_after jsonb, p_path text, p_limit int)
returns table (phase int, feed_id bigint, path text, step jsonb, output jsonb, output_ref bytea)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select coalesce((p_after ->> 'phase')::int, -1) as phase, coalesce((p_after ->> 'feed_id')::bigint, 0) as feed_id,
      coalesce(p_after ->> 'path', '') as path
  ),
  chosen as (
    select c
    from plane.checkpoints as c, page as p
    where c.execution_id = p_execution.id and c.gen = p_execution.gen
      and (0, c.feed_id, c.path) > (p.phase, p.feed_id, p.path)
      and (p_path is null or c.path = p_path or starts_with(c.path, p_path || '.') or starts_with(c.path, p_path || '['))
    order by c.feed_id
    limit p_limit
  ),
  open as (
    select distinct on (w.path) 2 as phase, w.path, jsonb_build_object(
      'status', 'waiting', 'attempts', 0, 'started_at', w.opened_at, 'until', w.deadline,
      'waiting_for', jsonb_build_object('kind', w.kind, 'name', w.name)) as step
    from plane.waits as w
    where w.execution_id = p_execution.id and w.gen = p_execution.gen and w.answered_at is null
      and w.kind <> 'budget' and not w.data ? 'timeout_of'
    order by w.path, w.opened_at
  ),
  going_on as (
    select * from open
    union all
    (
      select distinct on (i.path) 1, i.path,
        jsonb_build_object('status', 'running', 'attempts', coalesce((i.noted ->> 'attempt')::int, 1))
      from plane.frames as f, jsonb_each(f.in_flight) as i (path, noted)
      where f.execution_id = p_execution.id and f.status <> 'done' and not exists (select from open as o where o.path = i.path)
      order by i.path
    )
    union all
    -- An external execution says itself which steps it began.
    (
      select distinct on (e.path) 1, e.path, jsonb_build_object(
        'kind', e.data ->> 'kind', 'status', 'running', 'attempts', 1,
        'started_at', coalesce((e.data ->> 'started_at')::timestamptz, e.at))
      from plane.events as e
      where e.org_id = p_execution.org_id and e.execution_id = p_execution.id and e.type = 'step.running'
        and p_execution.mode = 'external'
      order by e.path, e.feed_id
    )
  )
  select 0, (h.c).feed_id, (h.c).path, plane.step_json(h.c), (h.c).output, (h.c).output_ref
  from chosen as h
  union all
  select g.phase, 0, g.path,
    jsonb_build_object('path', g.path, 'gen', p_execution.gen, 'kind', plane.step_kind(p_execution, g.path)) || jsonb_strip_nulls(g.step),
    null, null
  from going_on as g, page as p
  where p_execution.status = 'running'
    and (g.phase, 0, g.path) > (p.phase, p.feed_id, p.path)
    and (p_path is null or g.path = p_path or starts_with(g.path, p_path || '.') or starts_with(g.path, p_path || '['))
    and not exists (
      select from plane.checkpoints as c
      where c.execution_id = p_execution.id and c.gen = p_execution.gen and c.path = g.path
    )
  order by 1, 2, 3
  limit p_limit;
$$;

-- sql/api/_timed_step.sql
-- The record of an ended external step with its times: one that was reported to run began then, unless the last report says when.
-- p_step: as report_step takes it · p_begun: when it was reported to run, or null
-- called by: report_step
create function plane.timed_step(p_step jsonb, p_begun timestamptz)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_said    constant timestamptz := (p_step -> 'details' ->> 'ended_at')::timestamptz;
  v_ended   constant timestamptz := coalesce(v_said, plane.clock());
  v_started constant timestamptz := coalesce((p_step -> 'details' ->> 'started_at')::timestamptz, least(p_begun, v_ended));
begin
  return p_step || jsonb_build_object(
    'duration_ms', coalesce(greatest(0, 1000 * extract(epoch from v_ended - v_started)), 0),
    'details', p_step -> 'details' || jsonb_strip_nulls(jsonb_build_object(
      'started_at', plane.time_text(v_started), 'ended_at', plane.time_text(v_said))));
end;
$$;

-- sql/api/_version_json.sql
-- A workflow's version as the API answers it. Without p_whole the definition and the document are left out.
create function plane.version_json(p_workflow plane.workflows, p_version plane.workflow_versions, p_whole boolean)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', p_workflow.id,
    'name', p_workflow.name,
    'version', p_version.version,
    'latest_version', p_workflow.latest,
    'version_id', p_version.id,
    'format', p_version.format,
    'description', p_version.description,
    'content_hash', p_version.content_hash,
    'steps', p_version.steps,
    'designed_with_model', p_version.designed_with_model,
    'executable_by_model', p_version.executable_by_model,
    'designed_by_agent_id', p_version.designed_by_agent_id,
    'metadata', p_version.metadata,
    'created_at', p_version.created_at
  ) || case when p_whole then jsonb_build_object(
    'definition', p_version.definition,
    'is_json', p_version.is_json,
    'document', p_version.document
  ) else '{}' end;
$$;

-- sql/api/_waiting_for.sql
-- What an execution waits for now: [{path, kind, name, until, opened_at, …what the wait says: message, show, form, outcomes}].
-- A child names its execution, so that whoever follows can look there.
create function plane.waiting_for(p_execution plane.executions)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(
    plane.with_money(w.data) || jsonb_build_object(
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
$$;

-- sql/api/_with_money.sql
-- A JSON object in which every amount (a member that ends in _usd, also inside usage) is text with nine places, as money is everywhere.
-- What lies deeper is the business of whoever wrote it: it stays as it is.
-- called by: waiting_for, step_json
create function plane.with_money(p_object jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_amounts jsonb;
begin
  if jsonb_typeof(p_object) is distinct from 'object' or strpos(p_object::text, '_usd"') = 0 then
    return p_object;
  end if;
  select jsonb_object_agg(m.name, (m.value #>> '{}')::numeric(18, 9)::text) into v_amounts
  from jsonb_each(p_object) as m (name, value)
  where m.name like '%\_usd' and m.value #>> '{}' ~ '^-?\d{1,9}(\.\d+)?([eE]-\d{1,3})?$';
  return p_object || coalesce(v_amounts, '{}')
    || case when p_object ? 'usage' then jsonb_build_object('usage', plane.with_money(p_object -> 'usage')) else '{}' end;
end;
$$;

-- sql/api/_write_state.sql
-- Writes a value that was made from p_old, which plane.match_state has locked (null: there was none).
--
-- payload: {component, key, agent_id?, expires_in_seconds? | expires_at?}; p_keeps_expiry: without either, the old one stays
-- Called by the verbs that write state. Raises 413 state_value_too_large · 422 unknown_agent, invalid_input (it expires in the past) ·
-- 409 state_version_conflict when another made the key meanwhile.
create function plane.write_state(payload jsonb, p_old plane.state, p_value jsonb, p_action text, p_keeps_expiry boolean)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
    created_at = case when p_old.key is null then v_now else s.created_at end,
    updated_at = v_now
  where p_old.key is not null or s.expires_at <= v_now
  returning * into v_state;
  if not found then
    return null;
  end if;

  perform plane.record_audit(p_action, 'state', v_state.component || '/' || v_state.key,
    jsonb_build_object('version', v_state.version));
  return plane.state_json(v_state) || jsonb_build_object('is_created', p_old.key is null);
end;
$$;

-- sql/api/append_state.sql
-- Adds to the end of a list, atomically; a key that is not there counts as empty. Keeps the expiry unless a new one is given.
-- payload: {component, key, value, max_length?: keep only so many, the last ones, agent_id?, expires_in_seconds? | expires_at?,
--           if_version?, if_match?}
-- answers: the value, and is_created
-- raises: 409 state_not_a_list, and what put_state raises
create function api.append_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_max    constant int := (payload ->> 'max_length')::int;
  v_old    plane.state;
  v_list   jsonb;
  v_answer jsonb;
begin
  while v_answer is null loop
    v_old := plane.match_state(payload);
    if jsonb_typeof(v_old.value) <> 'array' then
      perform plane.raise_error(409, 'state_not_a_list',
        format('%s/%s holds a JSON %s, not a list.', v_old.component, v_old.key, jsonb_typeof(v_old.value)),
        'Store a list first, or use another key.');
    end if;
    v_list := coalesce(v_old.value, '[]') || jsonb_build_array(coalesce(payload -> 'value', 'null'));
    if v_max < jsonb_array_length(v_list) then
      v_list := (
        select jsonb_agg(e.item order by e.place)
        from jsonb_array_elements(v_list) with ordinality as e (item, place)
        where e.place > jsonb_array_length(v_list) - v_max);
    end if;
    v_answer := plane.write_state(payload, v_old, v_list, 'append_state', true);
  end loop;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('append_state', 'state:write', false);

-- sql/api/cancel_execution.sql
-- Asks an execution to stop, with everything below it. One that is cancelled already stays so.
-- payload: {execution_id}
-- answers: the execution, and due: the doorbells to ring
-- raises: 404 execution_not_found, 409 already_ended
create function api.cancel_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_cancelled jsonb;
begin
  if v_execution.status <> 'cancelled' then
    perform plane.require_running(v_execution);
    v_cancelled := plane.cancel_execution(v_execution.id);
    if v_execution.cancel_requested_at is null then
      perform plane.record_audit('cancel_execution', 'executions', v_execution.id::text);
    end if;
  end if;
  return plane.execution_json(plane.find_execution(v_execution.id::text), true)
    || jsonb_build_object('due', coalesce(v_cancelled -> 'due', '[]'));
end;
$$;

insert into gateway.verbs values ('cancel_execution', 'executions:write', false);

-- sql/api/check_access.sql
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

-- sql/api/create_key.sql
-- Adds a key to the caller's organisation. A key can give only scopes that it has.
-- payload: {name, kind: agent | operator, key_hash: hex sha256 of the key, prefix, scopes, expires_in_seconds?}
-- answers: the key, without its secret, which only the caller knows · raises: 403 scope_not_held
create function api.create_key(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_scopes constant text[] := array(select jsonb_array_elements_text(payload -> 'scopes'));
  v_lacks  text[] := array(select s from unnest(v_scopes) as s where not plane.caller_has_scope(s));
  v_key    plane.api_keys;
begin
  if v_lacks <> '{}' then
    perform plane.raise_error(403, 'scope_not_held',
      format('This key lacks %s, so it cannot give it.', array_to_string(v_lacks, ', ')),
      'Leave these scopes out, or use a key that has them.',
      jsonb_build_object('scope', v_lacks[1], 'errors', (
        select jsonb_agg(jsonb_build_object('pointer', '/scopes/' || (array_position(v_scopes, s) - 1), 'code', 'scope_not_held',
          'message', format('This key lacks the scope %s.', s)))
        from unnest(v_lacks) as s)));
  end if;

  insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, created_by, expires_at)
  values (
    plane.caller_org(), payload ->> 'name', payload ->> 'kind', sha256(decode(payload ->> 'key_hash', 'hex')),
    payload ->> 'prefix', v_scopes, plane.caller_key(),
    plane.clock() + make_interval(secs => (payload ->> 'expires_in_seconds')::float8))
  returning * into v_key;
  perform plane.record_audit('create_key', 'keys', v_key.id::text,
    jsonb_build_object('name', v_key.name, 'kind', v_key.kind, 'scopes', to_jsonb(v_scopes)));
  return plane.key_json(v_key);
end;
$$;

insert into gateway.verbs values ('create_key', 'keys:manage', false);

-- sql/api/create_workflow.sql
-- Adds a version to a workflow, making the workflow with its first one; the same content again gives the version that is there.
-- payload: {name, format, definition, is_json, document, queue, steps, description?, designed_with_model?, executable_by_model?,
--           designed_by_agent_id?, metadata?, version?}
-- answers: the version as get_workflow does, and is_created
-- raises: 409 version_taken (version was named and is not the next one), 422 unknown_agent
create function api.create_workflow(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org        constant uuid := plane.caller_org();
  v_definition constant text := payload ->> 'definition';
  v_hash       constant text := encode(sha256(convert_to((payload ->> 'format') || e'\n' || v_definition, 'UTF8')), 'hex');
  v_wanted     constant int := (payload ->> 'version')::int;
  v_workflow   plane.workflows;
  v_version    plane.workflow_versions;
begin
  perform plane.require_agent((payload ->> 'designed_by_agent_id')::uuid, '/designed_by_agent_id');

  -- Takes the workflow's row lock: versions of one workflow are numbered one after the other.
  insert into plane.workflows as w (org_id, name, description)
  values (v_org, payload ->> 'name', payload ->> 'description')
  on conflict (org_id, name) do update set name = w.name
  returning * into v_workflow;

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
    jsonb_build_object('name', v_workflow.name, 'version', v_version.version, 'format', v_version.format));
  return plane.version_json(v_workflow, v_version, true) || jsonb_build_object('is_created', true);
end;
$$;

insert into gateway.verbs values ('create_workflow', 'workflows:write', false);

-- sql/api/delete_agent.sql
-- Deletes an agent softly: what names it keeps its id, its name is free again.
-- payload: {id} · answers: {id} · raises: 404 agent_not_found
create function api.delete_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent plane.agents := plane.find_agent((payload ->> 'id')::uuid, null);
begin
  update plane.agents
  set deleted_at = plane.clock(), updated_at = plane.clock()
  where id = v_agent.id;
  perform plane.record_audit('delete_agent', 'agents', v_agent.id::text, jsonb_build_object('name', v_agent.name));
  return jsonb_build_object('id', v_agent.id);
end;
$$;

insert into gateway.verbs values ('delete_agent', 'agents:write', false);

-- sql/api/delete_state.sql
-- Deletes a value.
-- payload: {component, key, if_version?, if_match?} · answers: {component, key}
-- raises: 404 state_not_found, 409 state_version_conflict, 412 precondition_failed
create function api.delete_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old plane.state := plane.match_state(payload);
begin
  if v_old.key is null then
    perform plane.raise_error(404, 'state_not_found',
      format('There is no value under %s/%s, or it has expired.', payload ->> 'component', payload ->> 'key'));
  end if;
  delete from plane.state
  where org_id = v_old.org_id and component = v_old.component and key = v_old.key;
  perform plane.record_audit('delete_state', 'state', v_old.component || '/' || v_old.key,
    jsonb_build_object('version', v_old.version));
  return jsonb_build_object('component', v_old.component, 'key', v_old.key);
end;
$$;

insert into gateway.verbs values ('delete_state', 'state:write', false);

-- sql/api/get_agent.sql
-- One agent.
-- payload: {id} · answers: the agent · raises: 404 agent_not_found
create function api.get_agent(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.agent_json(plane.find_agent((payload ->> 'id')::uuid, null));
$$;

insert into gateway.verbs values ('get_agent', 'agents:read', true);

-- sql/api/get_bottlenecks.sql
-- Where the time goes: the steps that took longest together, over one execution or all of a time.
-- payload: {execution_id?, workflow?, from?, to?, limit}; the last 30 days when neither execution nor from is given
-- answers: {from, to, data: [{workflow, step, kind, runs, failed, attempts, p50_ms, p95_ms, max_ms, total_ms, share}], waiting: [the same]}
-- data holds steps that worked, waiting those that waited for people, time, events and other executions; share is of its own list.
-- raises: 404 execution_not_found, workflow_not_found
-- uses: checkpoints_recent, or the primary key for one execution
create function api.get_bottlenecks(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- one execution and many need different plans
as $$
declare
  v_org       constant uuid := plane.caller_org();
  v_limit     constant int := (payload ->> 'limit')::int;
  v_to        constant timestamptz := coalesce((payload ->> 'to')::timestamptz, plane.clock());
  v_from      constant timestamptz := coalesce((payload ->> 'from')::timestamptz, v_to - interval '30 days');
  v_execution uuid;
  v_workflow  uuid;
begin
  if payload ->> 'execution_id' is not null then
    v_execution := (plane.find_execution(payload ->> 'execution_id')).id;
  end if;
  if payload ->> 'workflow' is not null then
    v_workflow := (select (f.workflow).id from plane.find_version(jsonb_build_object('name', payload ->> 'workflow')) as f);
  end if;
  return (
    with ended as (
      select e.workflow_id, regexp_replace(c.path, '\[\d+\]', '', 'g') as step, c.kind, c.status, c.attempts,
        case when c.duration_ms > 0 then c.duration_ms else plane.step_duration(c) end as duration_ms,
        c.kind in ('approval', 'wait', 'workflow', 'handoff') as has_waited
      from plane.checkpoints as c
      join plane.executions as e on e.id = c.execution_id
      where c.org_id = v_org
        and (v_execution is null or c.execution_id = v_execution)
        and (v_execution is not null or (c.ended_at >= v_from and c.ended_at < v_to))
        and (v_workflow is null or e.workflow_id = v_workflow)
        and not c.is_carried
        and c.status in ('succeeded', 'failed')
        and c.kind not in ('group', 'item', 'round', 'for_each', 'loop')
    ),
    grouped as (
      select w.name as workflow, d.step, min(d.kind) as kind, d.has_waited, count(*) as runs,
        count(*) filter (where d.status = 'failed') as failed, sum(d.attempts) as attempts,
        percentile_cont(0.5) within group (order by d.duration_ms) as p50_ms,
        percentile_cont(0.95) within group (order by d.duration_ms) as p95_ms,
        max(d.duration_ms) as max_ms, sum(d.duration_ms) as total_ms
      from ended as d
      join plane.workflows as w on w.id = d.workflow_id
      group by w.name, d.step, d.has_waited
    ),
    ranked as (
      select g.*, row_number() over slowest as place,
        g.total_ms / nullif(sum(g.total_ms) over (partition by g.has_waited), 0) as share
      from grouped as g
      window slowest as (partition by g.has_waited order by g.total_ms desc, g.workflow, g.step)
    ),
    shown as (
      select r.has_waited, jsonb_agg(jsonb_build_object(
        'workflow', r.workflow, 'step', r.step, 'kind', r.kind, 'runs', r.runs, 'failed', r.failed, 'attempts', r.attempts,
        'p50_ms', round(r.p50_ms::numeric, 1), 'p95_ms', round(r.p95_ms::numeric, 1), 'max_ms', r.max_ms,
        'total_ms', r.total_ms, 'share', round(r.share, 4)) order by r.place) as steps
      from ranked as r
      where r.place <= v_limit
      group by r.has_waited
    )
    select jsonb_build_object(
      'from', case when v_execution is null then v_from end,
      'to', case when v_execution is null then v_to end,
      'data', coalesce((select s.steps from shown as s where not s.has_waited), '[]'),
      'waiting', coalesce((select s.steps from shown as s where s.has_waited), '[]'))
  );
end;
$$;

insert into gateway.verbs values ('get_bottlenecks', 'observe:read', true);

-- sql/api/get_caller.sql
-- Who is calling.
-- payload: {} · answers: {organisation: {id, name}, key: {…}, scopes}
create function api.get_caller(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'organisation', jsonb_build_object('id', o.id, 'name', o.name),
    'key', plane.key_json(k),
    'scopes', to_jsonb(k.scopes))
  from plane.api_keys as k
  join plane.organisations as o on o.id = k.org_id
  where k.id = plane.caller_key();
$$;

insert into gateway.verbs values ('get_caller', '', true);

-- sql/api/get_costs.sql
-- What model calls cost in a time, in groups, the dearest first.
-- payload: {group_by: provider | model | workflow | agent | step, from?, to?, limit}; the last 30 days when no from is given
-- answers: {group_by, from, to, data: [{group, …, calls, unknown_calls, cost_usd, known_cost_usd, share}], total, is_truncated}
-- cost_usd is null as soon as one price in the group is unknown; known_cost_usd is the sum of the others.
create function api.get_costs(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by   constant text := payload ->> 'group_by';
  v_to   constant timestamptz := coalesce((payload ->> 'to')::timestamptz, plane.clock());
  v_from constant timestamptz := coalesce((payload ->> 'from')::timestamptz, v_to - interval '30 days');
begin
  return (
    with spent as (
      select s.*, e.agent_id, w.name as workflow, a.name as agent, regexp_replace(s.path, '\[\d+\]', '', 'g') as step
      from plane.spending(v_from, v_to) as s
      join plane.executions as e on e.id = s.execution_id
      join plane.workflows as w on w.id = e.workflow_id
      left join plane.agents as a on a.id = e.agent_id
    ),
    keyed as (
      select s.*,
        case v_by
          when 'provider' then jsonb_build_object('group', s.provider, 'provider', s.provider)
          when 'model' then jsonb_build_object('group', s.model, 'model', s.model)
          when 'workflow' then jsonb_build_object('group', s.workflow, 'workflow', s.workflow)
          when 'agent' then jsonb_build_object('group', s.agent, 'agent', s.agent, 'agent_id', s.agent_id)
          else jsonb_build_object('group', concat_ws('/', s.workflow, s.step), 'workflow', s.workflow, 'step', s.step)
        end as key
      from spent as s
    ),
    grouped as (
      select k.key, count(*) as calls, count(distinct k.execution_id) as executions,
        sum(k.input_tokens) as input_tokens, sum(k.output_tokens) as output_tokens,
        coalesce(sum(k.cost_usd), 0)::numeric(18, 9) as known_cost_usd,
        count(*) filter (where k.is_cost_unknown) as unknown_calls
      from keyed as k
      group by k.key
    ),
    total as (
      select coalesce(sum(g.calls), 0) as calls, coalesce(sum(g.unknown_calls), 0) as unknown_calls,
        coalesce(sum(g.known_cost_usd), 0)::numeric(18, 9) as known_cost_usd,
        sum(g.input_tokens) as input_tokens, sum(g.output_tokens) as output_tokens, count(*) as groups
      from grouped as g
    )
    select jsonb_build_object(
      'group_by', v_by, 'from', v_from, 'to', v_to,
      'data', coalesce((
        select jsonb_agg(d.key || jsonb_build_object(
          'calls', d.calls, 'executions', d.executions,
          'input_tokens', d.input_tokens, 'output_tokens', d.output_tokens,
          'unknown_calls', d.unknown_calls,
          'cost_usd', case when d.unknown_calls = 0 then d.known_cost_usd::text end,
          'known_cost_usd', d.known_cost_usd::text,
          'share', case when t.known_cost_usd > 0 then round(d.known_cost_usd / t.known_cost_usd, 4) end
        ) order by d.known_cost_usd desc, d.calls desc, d.key)
        from (select * from grouped as g order by g.known_cost_usd desc, g.calls desc, g.key limit (payload ->> 'limit')::int) as d
      ), '[]'),
      'total', jsonb_build_object(
        'calls', t.calls, 'unknown_calls', t.unknown_calls, 'input_tokens', t.input_tokens, 'output_tokens', t.output_tokens,
        'cost_usd', case when t.unknown_calls = 0 then t.known_cost_usd::text end,
        'known_cost_usd', t.known_cost_usd::text),
      'is_truncated', t.groups > (payload ->> 'limit')::int)
    from total as t
  );
end;
$$;

insert into gateway.verbs values ('get_costs', 'observe:read', true);

-- sql/api/get_execution.sql
-- One execution: status, input, output, error, cost, and what it waits for.
-- payload: {execution_id}
-- raises: 404 execution_not_found
create function api.get_execution(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.execution_json(plane.find_execution(payload ->> 'execution_id'), true);
$$;

insert into gateway.verbs values ('get_execution', 'executions:read', true);

-- sql/api/get_open_wait.sql
-- The wait that a signal of this name would answer now, so that its form can be checked first. Null when there is none.
-- payload: {execution_id, name}
-- answers: {kind, path, data} or null
-- raises: 403 missing_scope, 404 execution_not_found
create function api.get_open_wait(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_name      constant text := payload ->> 'name';  -- waits has a payload of its own
begin
  perform plane.require_signaller();
  return (
    select jsonb_build_object('kind', w.kind, 'path', w.path, 'data', w.data)
    from plane.waits as w
    where w.execution_id = v_execution.id and w.name = v_name and w.answered_at is null
      and w.kind in ('approval', 'unknown', 'event', 'budget')
    order by w.opened_at, w.token
    limit 1
  );
end;
$$;

insert into gateway.verbs values ('get_open_wait', '', true);

-- sql/api/get_overview.sql
-- How things stand: executions by status, today's cost, agents, what people must answer (approvals, budgets, lost
-- steps) and the latest failures.
-- payload: {hours}; running ones are counted whenever they began, ended ones when they began in the last so many hours
-- uses: executions_by_status, checkpoints_recent, waits_open_by_kind
create function api.get_overview(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org   constant uuid := plane.caller_org();
  v_now   constant timestamptz := plane.clock();
  v_since constant timestamptz := v_now - make_interval(hours => (payload ->> 'hours')::int);
  v_today constant timestamptz := date_trunc('day', v_now, 'UTC');
  v_answer jsonb := jsonb_build_object('at', v_now, 'since', v_since);
begin
  v_answer := v_answer || jsonb_build_object('executions', (
    with counted as (
      select plane.execution_status(e) as status from plane.executions as e where e.org_id = v_org and e.status = 'running'
      union all
      select e.status
      from plane.executions as e
      where e.org_id = v_org and e.status in ('succeeded', 'failed', 'cancelled', 'timed_out') and e.created_at >= v_since
    )
    select jsonb_object_agg(s.status, (select count(*) from counted as c where c.status = s.status))
    from unnest(array['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'timed_out']) as s (status)
  ));

  v_answer := v_answer || jsonb_build_object('cost_today', (
    select jsonb_build_object(
      'since', v_today,
      'cost_usd', case when not coalesce(bool_or(s.is_cost_unknown), false) then coalesce(sum(s.cost_usd), 0)::numeric(18, 9)::text end,
      'known_cost_usd', coalesce(sum(s.cost_usd), 0)::numeric(18, 9)::text,
      'unknown_calls', count(*) filter (where s.is_cost_unknown),
      'calls', count(*))
    from plane.spending(v_today, v_now) as s
  ));

  v_answer := v_answer || jsonb_build_object('agents', (
    select jsonb_build_object(
      'registered', count(*),
      'active', count(*) filter (where a.status = 'active'
        and (a.lease_seconds is null or a.last_seen_at > v_now - make_interval(secs => a.lease_seconds))))
    from plane.agents as a
    where a.org_id = v_org and a.deleted_at is null
  ));

  v_answer := v_answer || jsonb_build_object(
    'waiting_approvals', (
      select count(*) from plane.waits as w where w.org_id = v_org and w.kind in ('approval', 'budget', 'unknown') and w.answered_at is null
    ),
    'approvals', coalesce((
      select jsonb_agg(jsonb_build_object('execution_id', w.execution_id, 'kind', w.kind, 'path', w.path, 'name', w.name, 'message', w.data -> 'message',
        'opened_at', w.opened_at, 'until', w.deadline) order by w.opened_at)
      from (
        select * from plane.waits as x
        where x.org_id = v_org and x.kind in ('approval', 'budget', 'unknown') and x.answered_at is null
        order by x.opened_at
        limit 20
      ) as w
    ), '[]'));

  return v_answer || jsonb_build_object('recent_failures', coalesce((
    select jsonb_agg(jsonb_build_object('id', f.id, 'workflow', w.name, 'status', f.status, 'error', f.error,
      'created_at', f.created_at, 'ended_at', f.ended_at) order by f.created_at desc, f.id desc)
    from (
      select u.* from (
        (select * from plane.executions as e where e.org_id = v_org and e.status = 'failed'
          order by e.created_at desc, e.id desc limit 10)
        union all
        (select * from plane.executions as e where e.org_id = v_org and e.status = 'timed_out'
          order by e.created_at desc, e.id desc limit 10)
      ) as u
      order by u.created_at desc, u.id desc
      limit 10
    ) as f
    join plane.workflows as w on w.id = f.workflow_id
  ), '[]'));
end;
$$;

insert into gateway.verbs values ('get_overview', 'observe:read', true);

-- sql/api/get_queue_depth.sql
-- How much of the organisation's work is due, held and waiting.
-- payload: {} · answers: {ready, running, waiting, oldest_due_seconds: of what is ready; null when nothing is}
create function api.get_queue_depth(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'ready', count(*) filter (where status = 'ready'),
    'running', count(*) filter (where status = 'running'),
    'waiting', count(*) filter (where status = 'waiting'),
    'oldest_due_seconds', round(extract(epoch from plane.clock() - min(due_at) filter (
        where status = 'ready' and due_at <= plane.clock())))::int)
  from plane.frames
  where org_id = (select plane.caller_org());
$$;

insert into gateway.verbs values ('get_queue_depth', 'observe:read', true);

-- sql/api/get_retry_basis.sql
-- What a retry chooses from: the document, and how each step of the latest gen ended.
-- payload: {execution_id}
-- answers: {gen, document, records: [{path, status, reason}]}; reason is the code of why a step was skipped or cancelled
-- raises: 404 execution_not_found
create function api.get_retry_basis(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
begin
  return jsonb_build_object(
    'gen', v_execution.gen,
    'document', (select v.document from plane.workflow_versions as v where v.id = v_execution.version_id),
    'records', coalesce((
      select jsonb_agg(jsonb_build_object('path', c.path, 'status', c.status, 'reason', c.details #>> '{reason,code}'))
      from plane.checkpoints as c
      where c.execution_id = v_execution.id and c.gen = v_execution.gen
    ), '[]'));
end;
$$;

insert into gateway.verbs values ('get_retry_basis', 'executions:write', true);

-- sql/api/get_startable.sql
-- The version that an execution would run: what its input is checked against before it starts.
-- payload: {name or workflow_id, version?}; a version's id counts as workflow_id too
-- answers: {version_id, workflow_id, name, version, format, document}
-- raises: 404 workflow_not_found, version_not_found
create function api.get_startable(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('version_id', (f.version).id, 'workflow_id', (f.workflow).id, 'name', (f.workflow).name,
    'version', (f.version).version, 'format', (f.version).format, 'document', (f.version).document)
  from plane.find_version(payload) as f;
$$;

insert into gateway.verbs values ('get_startable', 'executions:write', true);

-- sql/api/get_state.sql
-- One value that has not expired.
-- payload: {component, key, default?: the value to give when there is none, with version 0}
-- answers: the value · raises: 404 state_not_found
create function api.get_state(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_state plane.state;
begin
  select * into v_state
  from plane.state
  where org_id = plane.caller_org() and component = payload ->> 'component' and key = payload ->> 'key'
    and (expires_at is null or expires_at > plane.clock());
  if found then
    return plane.state_json(v_state);
  end if;
  if payload ? 'default' then
    return jsonb_build_object('component', payload -> 'component', 'key', payload -> 'key', 'value', payload -> 'default',
      'version', 0, 'expires_at', null);
  end if;
  perform plane.raise_error(404, 'state_not_found',
    format('There is no value under %s/%s, or it has expired.', payload ->> 'component', payload ->> 'key'),
    'List the keys of the component, or store it with POST /api/state.');
  return null;
end;
$$;

insert into gateway.verbs values ('get_state', 'state:read', true);

-- sql/api/get_trace.sql
-- All there is to know of how an execution went, without outputs: for its trace, its explanation and its retry.
-- payload: {execution_id, with_document?}
-- answers: {execution, document?, steps: [as list_steps, at most 20,000], is_truncated}
-- raises: 404 execution_not_found
create function api.get_trace(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
begin
  return (
    with listed as (
      select r.* from plane.step_rows(v_execution, null, null, 20001) as r
    )
    select jsonb_build_object(
      'execution', plane.execution_json(v_execution, false),
      'document', case when (payload ->> 'with_document')::boolean then (
        select v.document from plane.workflow_versions as v where v.id = v_execution.version_id) end,
      'now', plane.clock(),
      'steps', coalesce((
        select jsonb_agg(l.step order by l.phase, l.feed_id, l.path)
        from (select * from listed order by phase, feed_id, path limit 20000) as l), '[]'),
      'is_truncated', (select count(*) from listed) > 20000)
  );
end;
$$;

insert into gateway.verbs values ('get_trace', 'executions:read', true);

-- sql/api/get_workflow.sql
-- One version of a workflow with its definition and document.
-- payload: {name or workflow_id, version?}; a version's id counts as workflow_id too
-- answers: the version
-- raises: 404 workflow_not_found, version_not_found
create function api.get_workflow(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select plane.version_json(f.workflow, f.version, true) from plane.find_version(payload) as f;
$$;

insert into gateway.verbs values ('get_workflow', 'workflows:read', true);

-- sql/api/heartbeat_agent.sql
-- A sign of life: renews the lease and says what waits for the agent, so that polling needs one call.
-- payload: {id, status?, lease_seconds?}
-- answers: {id, name, status, health, lease_until, waiting: {executions: the agent's that have not ended,
--           approvals: what people of the organisation must answer}} · raises: 404 agent_not_found
-- uses: executions_by_agent, waits_open_by_kind
create function api.heartbeat_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent plane.agents := plane.find_agent((payload ->> 'id')::uuid, null);
begin
  update plane.agents as a
  set
    last_seen_at = plane.clock(),
    status = coalesce(payload ->> 'status', a.status),
    lease_seconds = case when payload ? 'lease_seconds' then (payload ->> 'lease_seconds')::int else a.lease_seconds end
  where a.id = v_agent.id
  returning * into v_agent;

  return jsonb_build_object(
    'id', v_agent.id,
    'name', v_agent.name,
    'status', v_agent.status,
    'health', plane.agent_health(v_agent.lease_seconds, v_agent.last_seen_at),
    'lease_until', v_agent.last_seen_at + make_interval(secs => v_agent.lease_seconds),
    'waiting', jsonb_build_object(
      'executions', (
        select count(*)
        from plane.executions as e
        where e.org_id = v_agent.org_id and e.agent_id = v_agent.id and e.status = 'running'),
      'approvals', (
        select count(*)
        from plane.waits as w
        where w.org_id = v_agent.org_id and w.kind in ('approval', 'budget', 'unknown') and w.answered_at is null)));
end;
$$;

insert into gateway.verbs values ('heartbeat_agent', 'agents:write', false);

-- sql/api/increment_state.sql
-- Adds to a number, atomically; a key that is not there counts as 0. Keeps the expiry unless a new one is given.
-- payload: {component, key, by? (1), agent_id?, expires_in_seconds? | expires_at?, if_version?, if_match?}
-- answers: the value, and is_created
-- raises: 409 state_not_a_number, and what put_state raises
create function api.increment_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_by     constant numeric := coalesce((payload ->> 'by')::numeric, 1);
  v_old    plane.state;
  v_answer jsonb;
begin
  while v_answer is null loop
    v_old := plane.match_state(payload);
    if jsonb_typeof(v_old.value) <> 'number' then
      perform plane.raise_error(409, 'state_not_a_number',
        format('%s/%s holds a JSON %s, not a number.', v_old.component, v_old.key, jsonb_typeof(v_old.value)),
        'Store a number first, or use another key.');
    end if;
    v_answer := plane.write_state(
      payload, v_old, to_jsonb(coalesce((v_old.value #>> '{}')::numeric, 0) + v_by), 'increment_state', true);
  end loop;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('increment_state', 'state:write', false);

-- sql/api/list_agents.sql
-- A page of agents, the newest first.
-- payload: {limit, cursor: {at, id} | null, name?, status?, framework?, capability?, health?}
-- answers: {data, next} · uses: agents_recent, agents_name_is_unique
create function api.list_agents(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select a
    from plane.agents as a
    where a.org_id = (select plane.caller_org())
      and a.deleted_at is null
      and (payload ->> 'name' is null or a.name = payload ->> 'name')
      and (payload ->> 'status' is null or a.status = payload ->> 'status')
      and (payload ->> 'framework' is null or a.framework = payload ->> 'framework')
      and (payload ->> 'health' is null or plane.agent_health(a.lease_seconds, a.last_seen_at) = payload ->> 'health')
      and (
        payload ->> 'capability' is null
        or a.capabilities ? (payload ->> 'capability')
        or a.capabilities @> jsonb_build_array(jsonb_build_object('id', payload ->> 'capability'))
        or a.capabilities @> jsonb_build_array(jsonb_build_object('name', payload ->> 'capability'))
      )
      and (
        payload -> 'cursor' ->> 'id' is null
        or (a.created_at, a.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by a.created_at desc, a.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.a).created_at as at, (p.a).id as id, plane.agent_json(p.a) as row
    from page as p
    order by (p.a).created_at desc, (p.a).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_agents', 'agents:read', true);

-- sql/api/list_events.sql
-- What happened in an execution after a point: ended steps and events, merged in the order in which they became visible.
--
-- Rows of transactions that may still be running are held back, so that a reader who asks again after the last row misses none.
-- payload: {execution_id, limit, after: {xid, feed_id} | null}
-- answers: {data: [{xid, feed_id, at, type, path, name, data}], has_more, has_ended}; has_more also when rows are held back
-- raises: 404 execution_not_found
create function api.list_events(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_limit     constant int := (payload ->> 'limit')::int;
  v_xid       constant xid8 := coalesce(payload -> 'after' ->> 'xid', '0')::xid8;
  v_feed_id   constant bigint := coalesce((payload -> 'after' ->> 'feed_id')::bigint, 0);
  v_horizon   constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  return (
    with happened as (
      (
        select c.xid, c.feed_id, c as step, null::plane.events as event
        from plane.checkpoints as c
        where c.execution_id = v_execution.id and not c.is_carried and (c.xid, c.feed_id) > (v_xid, v_feed_id)
        order by c.xid, c.feed_id
        limit v_limit + 1
      )
      union all
      (
        select e.xid, e.feed_id, null, e
        from plane.events as e
        where e.org_id = v_execution.org_id and e.execution_id = v_execution.id and (e.xid, e.feed_id) > (v_xid, v_feed_id)
        order by e.xid, e.feed_id
        limit v_limit + 1
      )
      order by 1, 2
      limit v_limit + 1
    ),
    page as (
      select * from happened as h where h.xid < v_horizon order by h.xid, h.feed_id limit v_limit
    )
    select jsonb_build_object(
      'data', coalesce((
        select jsonb_agg(plane.event_json(p.step, p.event) || jsonb_build_object('xid', p.xid::text, 'feed_id', p.feed_id)
          order by p.xid, p.feed_id)
        from page as p), '[]'),
      'has_more', (select count(*) from happened) > (select count(*) from page),
      'has_ended', v_execution.status <> 'running')
  );
end;
$$;

insert into gateway.verbs values ('list_events', 'executions:read', true);

-- sql/api/list_executions.sql
-- A page of executions, the newest first.
-- payload: {limit, cursor: {at, id} | null, workflow?, workflow_id?, status?, agent_id?}
-- workflow_id takes a version's id too. status takes the refined ones: queued, running, waiting.
-- answers: {data, next}
-- uses: executions_recent, executions_by_workflow, executions_by_agent, executions_by_status
create function api.list_executions(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- each set of filters has its own index
as $$
declare
  v_org      constant uuid := plane.caller_org();
  v_limit    constant int := (payload ->> 'limit')::int;
  v_at       constant timestamptz := coalesce((payload -> 'cursor' ->> 'at')::timestamptz, 'infinity');
  v_id       constant uuid := coalesce((payload -> 'cursor' ->> 'id')::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_agent    constant uuid := (payload ->> 'agent_id')::uuid;
  v_status   constant text := payload ->> 'status';
  v_stored   constant text := case when v_status in ('queued', 'running', 'waiting') then 'running' else v_status end;
  v_wanted   constant uuid := (payload ->> 'workflow_id')::uuid;
  v_workflow uuid;
  v_version  uuid;
  v_page     plane.executions[];
begin
  if v_wanted is not null or payload ->> 'workflow' is not null then
    select w.id into v_workflow from plane.workflows as w
    where w.org_id = v_org and (w.id = v_wanted or v_wanted is null) and w.name = coalesce(payload ->> 'workflow', w.name);
    if v_workflow is null and v_wanted is not null then
      select v.workflow_id, v.id into v_workflow, v_version from plane.workflow_versions as v
      join plane.workflows as w on w.id = v.workflow_id
      where v.org_id = v_org and v.id = v_wanted and w.name = coalesce(payload ->> 'workflow', w.name);
    end if;
    if v_workflow is null then
      return jsonb_build_object('data', '[]'::jsonb, 'next', null);
    end if;
  end if;

  select array_agg(e order by e.created_at desc, e.id desc) into v_page
  from (
    select x.*
    from plane.executions as x
    where x.org_id = v_org
      and (v_workflow is null or x.workflow_id = v_workflow)
      and (v_version is null or x.version_id = v_version)
      and (v_agent is null or x.agent_id = v_agent)
      and (v_stored is null or x.status = v_stored)
      and (v_stored is distinct from 'running' or plane.execution_status(x) = v_status)
      and (x.created_at, x.id) < (v_at, v_id)
    order by x.created_at desc, x.id desc
    limit v_limit + 1
  ) as e;

  return jsonb_build_object(
    'data', coalesce((
      select jsonb_agg(plane.execution_json(v_page[i], false) order by i)
      from generate_series(1, least(v_limit, coalesce(cardinality(v_page), 0))) as i
    ), '[]'),
    'next', case when cardinality(v_page) > v_limit
      then jsonb_build_object('at', v_page[v_limit].created_at, 'id', v_page[v_limit].id) end
  );
end;
$$;

insert into gateway.verbs values ('list_executions', 'executions:read', true);

-- sql/api/list_keys.sql
-- A page of the organisation's keys, the newest first, also revoked and expired ones.
-- payload: {limit, cursor: {at, id} | null} · answers: {data, next} · uses: api_keys_recent
create function api.list_keys(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select k
    from plane.api_keys as k
    where k.org_id = (select plane.caller_org())
      and (
        payload -> 'cursor' ->> 'id' is null
        or (k.created_at, k.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by k.created_at desc, k.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.k).created_at as at, (p.k).id as id, plane.key_json(p.k) as row
    from page as p
    order by (p.k).created_at desc, (p.k).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_keys', 'keys:manage', true);

-- sql/api/list_state.sql
-- A page of a component's values that have not expired, by key in byte order; at most about 4 MB of values.
-- payload: {component, prefix? (''), limit, cursor: {key} | null}
-- answers: {data, next} · uses: state_by_prefix
create function api.list_state(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with found as (
    select s, octet_length(s.value::text) as bytes
    from plane.state as s
    where s.org_id = (select plane.caller_org())
      and s.component = payload ->> 'component'
      and (s.expires_at is null or s.expires_at > plane.clock())
      and s.key collate "C" >= coalesce(payload ->> 'prefix', '')
      and s.key collate "C" < coalesce(payload ->> 'prefix', '') || chr(1114111)
      and (payload -> 'cursor' ->> 'key' is null or s.key collate "C" > payload -> 'cursor' ->> 'key')
    order by s.key collate "C"
    limit (payload ->> 'limit')::int + 1
  ),
  page as (
    select f.s, sum(f.bytes) over following - f.bytes as bytes_before, row_number() over following as place
    from found as f
    window following as (order by (f.s).key collate "C")
  ),
  shown as (
    select p.s, p.place
    from page as p
    where p.place <= (payload ->> 'limit')::int and p.bytes_before < 4000000
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(plane.state_json(s.s) order by s.place), '[]'),
    'next', case when (select count(*) from page) > count(*)
      then jsonb_build_object('key', (array_agg((s.s).key order by s.place desc))[1]) end)
  from shown as s;
$$;

insert into gateway.verbs values ('list_state', 'state:read', true);

-- sql/api/list_steps.sql
-- A page of an execution's steps, one row a path: what ended in the order of its ending, then what runs, then what waits.
-- payload: {execution_id, limit, cursor: {phase, feed_id, path} | null, path?}
-- path names one step, or a group or for_each with all that is below it.
-- answers: {data, next}; a page's outputs come along up to 4 MB together, later ones as output_ref
-- raises: 404 execution_not_found
create function api.list_steps(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_limit     constant int := (payload ->> 'limit')::int;
begin
  return (
    with page as (
      select r.*, row_number() over (order by r.phase, r.feed_id, r.path) as place
      from plane.step_rows(v_execution, nullif(payload -> 'cursor', 'null'), payload ->> 'path', v_limit + 1) as r
    ),
    -- Only as many large outputs as one answer can carry.
    sized as (
      select p.*, y.body,
        sum(coalesce(octet_length(y.body::text), 0)) over (order by p.place) as bytes
      from page as p
      left join plane.payloads as y on y.org_id = v_execution.org_id and y.hash = p.output_ref
      where p.place <= v_limit
    )
    select jsonb_build_object(
      'data', coalesce(jsonb_agg(
        s.step || case
          when s.output_ref is null or s.bytes <= 4000000 then jsonb_build_object('output', coalesce(s.output, s.body))
          else jsonb_build_object('output', null, 'output_ref', encode(s.output_ref, 'hex'))
        end
        order by s.place), '[]'),
      'next', case when (select count(*) from page) > v_limit then (
        select jsonb_build_object('phase', p.phase, 'feed_id', p.feed_id, 'path', p.path) from page as p where p.place = v_limit
      ) end)
    from sized as s
  );
end;
$$;

insert into gateway.verbs values ('list_steps', 'executions:read', true);

-- sql/api/list_workflow_versions.sql
-- A page of a workflow's versions, the newest first, without their definitions.
-- payload: {name, limit, cursor: {version} | null}
-- answers: {data, next}
-- raises: 404 workflow_not_found
-- uses: workflow_versions_recent
create function api.list_workflow_versions(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with named as (
    select f.workflow from plane.find_version(jsonb_build_object('name', payload ->> 'name')) as f
  ),
  page as (
    select v, n.workflow, row_number() over (order by v.version desc) as place
    from named as n
    join plane.workflow_versions as v
      on v.org_id = (n.workflow).org_id and v.workflow_id = (n.workflow).id
    where v.version < coalesce((payload -> 'cursor' ->> 'version')::int, 2147483647)
    order by v.version desc
    limit (payload ->> 'limit')::int + 1
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(plane.version_json(p.workflow, p.v, false) order by (p.v).version desc)
      filter (where p.place <= (payload ->> 'limit')::int), '[]'),
    'next', case when count(*) > (payload ->> 'limit')::int
      then jsonb_build_object('version', min((p.v).version) filter (where p.place <= (payload ->> 'limit')::int)) end
  )
  from page as p;
$$;

insert into gateway.verbs values ('list_workflow_versions', 'workflows:read', true);

-- sql/api/list_workflows.sql
-- A page of workflows, the last changed first, each as its newest version without the definition.
-- payload: {limit, cursor: {at, id} | null}
-- answers: {data, next}
-- uses: workflows_recent
create function api.list_workflows(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select w
    from plane.workflows as w
    where w.org_id = (select plane.caller_org())
      and w.latest > 0
      and (
        payload -> 'cursor' ->> 'id' is null
        or (w.updated_at, w.id) < ((payload -> 'cursor' ->> 'at')::timestamptz, (payload -> 'cursor' ->> 'id')::uuid)
      )
    order by w.updated_at desc, w.id desc
    limit (payload ->> 'limit')::int + 1
  ),
  shown as (
    select (p.w).updated_at as at, (p.w).id as id,
      plane.version_json(p.w, v, false) || jsonb_build_object('updated_at', (p.w).updated_at) as row
    from page as p
    join plane.workflow_versions as v on v.workflow_id = (p.w).id and v.version = (p.w).latest
    order by (p.w).updated_at desc, (p.w).id desc
    limit (payload ->> 'limit')::int
  )
  select jsonb_build_object(
    'data', coalesce(jsonb_agg(s.row order by s.at desc, s.id desc), '[]'),
    'next', case when (select count(*) from page) > (payload ->> 'limit')::int
      then (array_agg(jsonb_build_object('at', s.at, 'id', s.id) order by s.at, s.id))[1] end
  )
  from shown as s;
$$;

insert into gateway.verbs values ('list_workflows', 'workflows:read', true);

-- sql/api/merge_state.sql
-- Changes some fields of an object, atomically, by a JSON merge patch (RFC 7396); a key that is not there counts as {}.
-- payload: {component, key, merge: object, agent_id?, expires_in_seconds? | expires_at?, if_version?, if_match?}
-- answers: the value, and is_created
-- raises: 409 state_not_an_object, and what put_state raises
create function api.merge_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old    plane.state;
  v_answer jsonb;
begin
  while v_answer is null loop
    v_old := plane.match_state(payload);
    if jsonb_typeof(v_old.value) <> 'object' then
      perform plane.raise_error(409, 'state_not_an_object',
        format('%s/%s holds a JSON %s, not an object.', v_old.component, v_old.key, jsonb_typeof(v_old.value)),
        'Store an object first, or use another key.');
    end if;
    v_answer := plane.write_state(
      payload, v_old, plane.merge_json(coalesce(v_old.value, '{}'), payload -> 'merge'), 'merge_state', true);
  end loop;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('merge_state', 'state:write', false);

-- sql/api/observe_executions.sql
-- Executions with their latest events, and figures over all that match, not only over those shown.
-- payload: {execution_id?, workflow_id?, agent_id?, limit, include_costs}; figures cover the last 30 days
-- answers: {executions: [{…, audit_trail: [{at, type, path, data}]}], stats, query}
-- raises: 404 execution_not_found
create function api.observe_executions(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan -- each set of filters has its own index
as $$
declare
  v_org       constant uuid := plane.caller_org();
  v_workflow  constant uuid := (payload ->> 'workflow_id')::uuid;
  v_agent     constant uuid := (payload ->> 'agent_id')::uuid;
  v_since     constant timestamptz := plane.clock() - interval '30 days';
  v_execution uuid;
begin
  if payload ->> 'execution_id' is not null then
    v_execution := (plane.find_execution(payload ->> 'execution_id')).id;
  end if;
  return (
    with matching as (
      select e
      from plane.executions as e
      where e.org_id = v_org
        and (v_execution is null or e.id = v_execution)
        and (v_execution is not null or e.created_at >= v_since)
        and (v_workflow is null or e.workflow_id = v_workflow or e.version_id = v_workflow)
        and (v_agent is null or e.agent_id = v_agent)
    ),
    shown as (
      select m.e from matching as m order by (m.e).created_at desc, (m.e).id desc limit (payload ->> 'limit')::int
    )
    select jsonb_build_object(
      'executions', coalesce((
        select jsonb_agg(plane.execution_json(s.e, false) || jsonb_build_object('audit_trail', coalesce((
          select jsonb_agg(jsonb_build_object('at', v.at, 'type', v.type, 'path', v.path, 'data', v.data) order by v.xid, v.feed_id)
          from (
            select * from plane.events as x
            where x.org_id = v_org and x.execution_id = (s.e).id
            order by x.xid desc, x.feed_id desc
            limit 100
          ) as v
        ), '[]')) order by (s.e).created_at desc, (s.e).id desc)
        from shown as s
      ), '[]'),
      'stats', (
        select jsonb_build_object(
          'total', count(*),
          'running', count(*) filter (where (m.e).status = 'running'),
          'succeeded', count(*) filter (where (m.e).status = 'succeeded'),
          'failed', count(*) filter (where (m.e).status in ('failed', 'timed_out')),
          'cancelled', count(*) filter (where (m.e).status = 'cancelled'),
          'average_duration_seconds', round(avg(extract(epoch from (m.e).ended_at - (m.e).created_at)), 3)
        ) || case when (payload ->> 'include_costs')::boolean then jsonb_build_object(
          'known_cost_usd', coalesce(sum((m.e).known_cost_usd), 0)::numeric(18, 9)::text,
          'unknown_costs', count(*) filter (where (m.e).status <> 'running' and (m.e).cost_usd is null)
        ) else '{}' end
        from matching as m
      ),
      'query', payload)
  );
end;
$$;

insert into gateway.verbs values ('observe_executions', 'observe:read', true);

-- sql/api/put_state.sql
-- Stores a value under a component and a key, replacing what is there and its expiry.
-- payload: {component, key, value, agent_id?, expires_in_seconds? | expires_at?, if_version?, if_match?}
-- answers: the value, and is_created
-- raises: 409 state_version_conflict, 412 precondition_failed, 413 state_value_too_large, 422 unknown_agent
create function api.put_state(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer jsonb;
begin
  while v_answer is null loop
    v_answer := plane.write_state(payload, plane.match_state(payload), coalesce(payload -> 'value', 'null'), 'put_state', false);
  end loop;
  return v_answer;
end;
$$;

insert into gateway.verbs values ('put_state', 'state:write', false);

-- sql/api/record_event.sql
-- Notes in an execution's feed what an agent saw: as an event of type observe.<event_type>.
-- payload: {execution_id, event_type, message?, metadata?, agent_id?}
-- answers: {id, execution_id, event_type, message, metadata, agent_id, at}
-- raises: 404 execution_not_found, 422 unknown_agent
create function api.record_event(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_event plane.events;
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  insert into plane.events (org_id, execution_id, type, data)
  values (v_execution.org_id, v_execution.id, 'observe.' || (payload ->> 'event_type'), jsonb_build_object(
    'message', payload -> 'message', 'metadata', coalesce(nullif(payload -> 'metadata', 'null'), '{}'), 'agent_id', payload -> 'agent_id'))
  returning * into v_event;
  perform plane.record_audit('record_event', 'executions', v_execution.id::text, jsonb_build_object('type', v_event.type));
  return v_event.data || jsonb_build_object('id', v_event.feed_id::text, 'execution_id', v_event.execution_id,
    'event_type', payload ->> 'event_type', 'at', v_event.at);
end;
$$;

insert into gateway.verbs values ('record_event', 'observe:write', false);

-- sql/api/register_agent.sql
-- Registers an agent; the same name again is the same agent, with the given fields changed. Counts as a sign of life.
-- payload: {name, framework?, description?, capabilities?, endpoint?, config?, status?, lease_seconds?}
-- answers: the agent, and is_created
create function api.register_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now        constant timestamptz := plane.clock();
  v_agent      plane.agents;
  v_is_created boolean;
begin
  insert into plane.agents as a
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
  on conflict (org_id, name) where deleted_at is null do update
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
  returning * into v_agent;
  v_is_created := v_agent.created_at = v_agent.updated_at;

  perform plane.record_audit(case when v_is_created then 'register_agent' else 'update_agent' end, 'agents', v_agent.id::text,
    jsonb_build_object('name', v_agent.name));
  return plane.agent_json(v_agent) || jsonb_build_object('is_created', v_is_created);
end;
$$;

insert into gateway.verbs values ('register_agent', 'agents:write', false);

-- sql/api/report_step.sql
-- Reports one step of an external execution: that it runs (an event), or how it ended (a record that is never changed).
-- payload: {execution_id, step: {path, parent, kind, status, output?, error?, attempts?, model?, provider?,
--           input_tokens?, output_tokens?, cost_usd?, is_cost_unknown?, details: {started_at?, ended_at?}}}
-- It began when it was reported to run, unless the last report says when: then that counts.
-- answers: the step as list_steps does, and is_new: false for the same report again
-- raises: 404 execution_not_found, 409 not_external, already_ended, already_recorded
create function api.report_step(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_step      constant jsonb := payload -> 'step';
  v_ended     plane.checkpoints := plane.find_step(v_execution, v_step ->> 'path');
  v_begun     timestamptz := plane.step_begun(v_execution, v_step ->> 'path');
  v_output    jsonb;
  v_is_new    boolean := true;
begin
  perform plane.require_external(v_execution);
  if v_ended.path is not null then
    v_output := coalesce(v_ended.output, (
      select y.body from plane.payloads as y where y.org_id = v_execution.org_id and y.hash = v_ended.output_ref));
    if v_ended.status <> v_step ->> 'status' or v_output is distinct from nullif(v_step -> 'output', 'null') then
      perform plane.raise_error(409, 'already_recorded',
        format('The step %s was reported as %s already.', v_ended.path, v_ended.status),
        format('A record is never changed. Report a repetition under a path of its own: %s[1].', v_ended.path));
    end if;
    v_is_new := false;
  elsif v_step ->> 'status' <> 'running' then
    perform plane.record_external_step(payload || jsonb_build_object('step', plane.timed_step(v_step, v_begun)));
    v_ended := plane.find_step(v_execution, v_step ->> 'path');
  else
    perform plane.require_running(v_execution);
    v_is_new := v_begun is null;
    if v_is_new then
      insert into plane.events (org_id, execution_id, type, path, data)
      values (v_execution.org_id, v_execution.id, 'step.running', v_step ->> 'path',
        jsonb_strip_nulls(jsonb_build_object('kind', v_step -> 'kind', 'started_at', plane.time_text((v_step -> 'details' ->> 'started_at')::timestamptz))));
      v_begun := plane.step_begun(v_execution, v_step ->> 'path');
    end if;
  end if;

  if v_is_new then
    perform plane.record_audit('report_step', 'executions', v_execution.id::text,
      jsonb_build_object('path', v_step -> 'path', 'status', v_step -> 'status'));
  end if;
  return coalesce(plane.step_json(v_ended), jsonb_build_object(
    'path', v_step -> 'path', 'kind', v_step -> 'kind', 'status', 'running', 'attempts', 1, 'gen', v_execution.gen,
    'started_at', v_begun
  )) || jsonb_build_object('output', v_step -> 'output', 'is_new', v_is_new);
end;
$$;

insert into gateway.verbs values ('report_step', 'executions:write', false);

-- sql/api/restart_execution.sql
-- Starts another execution of the same version with the same input.
-- payload: {execution_id}
-- answers: the new execution, and due: the doorbells to ring
-- raises: 404 execution_not_found
create function api.restart_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_former constant plane.executions := plane.find_execution(payload ->> 'execution_id');
begin
  return api.start_execution(jsonb_build_object(
    'version_id', v_former.version_id, 'input', v_former.input, 'mode', v_former.mode,
    'agent_id', (select a.id from plane.agents as a where a.id = v_former.agent_id),
    'executed_with_model', v_former.executed_with_model, 'restarted_from', v_former.id));
end;
$$;

insert into gateway.verbs values ('restart_execution', 'executions:write', false);

-- sql/api/retry_execution.sql
-- Runs an ended execution again from what it keeps.
-- payload: {execution_id, gen, keep: [path]}; gen is the one that keep was chosen from
-- answers: the execution, and due: the doorbells to ring
-- raises: 404 execution_not_found, 409 still_running, already_succeeded, not_retryable, gen_changed
create function api.retry_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
    jsonb_build_object('gen', v_retried -> 'gen', 'kept', jsonb_array_length(payload -> 'keep'), 'from', payload -> 'from'));
  return plane.execution_json(plane.find_execution(v_execution.id::text), true)
    || jsonb_build_object('due', v_retried -> 'due');
end;
$$;

insert into gateway.verbs values ('retry_execution', 'executions:write', false);

-- sql/api/revoke_key.sql
-- Revokes a key at once and for good; again is the same. The last key that can manage keys stays.
-- payload: {id} · answers: the key · raises: 404 key_not_found, 409 last_operator_key
-- locks: the organisation's keys, so that two callers cannot revoke each other
create function api.revoke_key(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane.caller_org();
  v_key plane.api_keys;
begin
  perform pg_advisory_xact_lock(hashtextextended('keys ' || v_org, 0));
  select * into v_key
  from plane.api_keys
  where org_id = v_org and id = (payload ->> 'id')::uuid;
  if not found then
    perform plane.raise_error(404, 'key_not_found', format('There is no key %s.', payload ->> 'id'), 'List the keys.',
      '{"next": [{"why": "list the keys", "method": "GET", "path": "/api/keys"}]}');
  end if;
  if 'keys:manage' = any (v_key.scopes) and v_key.revoked_at is null and not exists (
    select
    from plane.api_keys
    where org_id = v_org and id <> v_key.id and 'keys:manage' = any (scopes) and revoked_at is null and expires_at is null
  ) then
    perform plane.raise_error(409, 'last_operator_key', 'This is the last lasting key that can manage keys.',
      'Make another operator key first.');
  end if;

  update plane.api_keys
  set revoked_at = coalesce(revoked_at, plane.clock())
  where id = v_key.id
  returning * into v_key;
  perform plane.record_audit('revoke_key', 'keys', v_key.id::text, jsonb_build_object('name', v_key.name));
  return plane.key_json(v_key);
end;
$$;

insert into gateway.verbs values ('revoke_key', 'keys:manage', false);

-- sql/api/signal_execution.sql
-- Sends a signal: an event by its name, or a decision (an approval, a lost step by its path, the budget), which needs approvals:decide.
-- payload: {execution_id, name, payload}
-- answers: {status: answered | voted | queued, outcome, …}, and due: the doorbells to ring
-- raises: 403 missing_scope, 404 execution_not_found, 409 not_waiting, wait_closed, 410 execution_ended, 422 invalid_outcome, invalid_amount
create function api.signal_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_signalled jsonb;
begin
  perform plane.require_signaller();
  v_signalled := plane.signal_execution(v_execution.id, payload ->> 'name', payload -> 'payload');
  perform plane.record_audit('signal_execution', 'executions', v_execution.id::text, jsonb_build_object(
    'name', payload -> 'name', 'status', v_signalled -> 'status', 'outcome', v_signalled -> 'outcome'));
  return v_signalled - 'token' || jsonb_build_object('execution_id', v_execution.id, 'name', payload -> 'name');
end;
$$;

insert into gateway.verbs values ('signal_execution', '', false);

-- sql/api/start_execution.sql
-- Starts an execution of a version.
-- payload: {version_id, input, mode, agent_id?, executed_with_model?, restarted_from?}, or {refusal: {message, errors}}: a start that
-- does not fit the newest version still gets the answer that its Idempotency-Key got before; only when there is none it is refused
-- answers: the execution, and due: the doorbells to ring
-- raises: 404 version_not_found, 422 invalid_input, not_runnable, unknown_agent
create function api.start_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_started jsonb;
begin
  if payload ? 'refusal' then
    perform plane.raise_error(422, 'invalid_input', payload -> 'refusal' ->> 'message', null,
      jsonb_build_object('errors', payload -> 'refusal' -> 'errors'));
  end if;
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  v_started := plane.start_execution(payload);
  perform plane.record_audit(case when payload ->> 'restarted_from' is null then 'start_execution' else 'restart_execution' end,
    'executions', v_started ->> 'execution_id', jsonb_strip_nulls(jsonb_build_object('version_id', payload -> 'version_id',
    'agent_id', payload -> 'agent_id', 'restarted_from', payload -> 'restarted_from')));
  return plane.execution_json(plane.find_execution(v_started ->> 'execution_id'), true)
    || jsonb_build_object('due', v_started -> 'due');
end;
$$;

insert into gateway.verbs values ('start_execution', 'executions:write', false);

-- sql/api/update_agent.sql
-- Changes the given fields of an agent.
-- payload: {id? | name?: which one, changes: {name?, framework?, description?, capabilities?, endpoint?, config?, status?,
--           lease_seconds?}, is_sign_of_life?}
-- answers: the agent · raises: 404 agent_not_found, 409 agent_name_taken
create function api.update_agent(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes constant jsonb := coalesce(payload -> 'changes', '{}');
  v_agent   plane.agents := plane.find_agent((payload ->> 'id')::uuid, payload ->> 'name');
begin
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
    updated_at = plane.clock()
  where a.id = v_agent.id
  returning * into v_agent;

  perform plane.record_audit('update_agent', 'agents', v_agent.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(f), '[]') from jsonb_object_keys(v_changes) as f)));
  return plane.agent_json(v_agent);
exception
  when unique_violation then
    perform plane.raise_error(409, 'agent_name_taken', format('Another agent is called %s.', v_changes ->> 'name'),
      'Choose another name.');
    return null;
end;
$$;

insert into gateway.verbs values ('update_agent', 'agents:write', false);

-- sql/api/update_execution.sql
-- Reports an external execution as a whole: that it goes on (running changes nothing), or how it ended. The report that ended it may come
-- again, for its answer may have been lost: it changes nothing.
-- payload: {execution_id, status, output?, error?, cost_usd?, agent_id?}
-- answers: the execution. A cost that nobody named is unknown: null, not 0.
-- raises: 404 execution_not_found, 409 not_external, illegal_transition, 422 unknown_agent
create function api.update_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
      jsonb_build_object('status', v_status, 'agent_id', payload -> 'agent_id'));
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
$$;

insert into gateway.verbs values ('update_execution', 'executions:write', false);

-- sql/99_grants.sql
-- Who may do what: every grant of the plane stands on this page. Row-level security decides about rows on top of it.

-- The doors. anon may execute these three and what the doors call first.
grant usage on schema api, gateway to anon, authenticator;
grant execute on function
  api.call_with_key(text, text, jsonb, jsonb),
  api.kernel_with_key(text, text, jsonb),
  api.ping(),
  gateway.authenticate(text, text)
to anon, authenticator;

-- A caller inside its organisation.
grant usage on schema api, plane, gateway to authenticated;
grant execute on all functions in schema api to authenticated;
revoke execute on function api.call_with_key(text, text, jsonb, jsonb), api.kernel_with_key(text, text, jsonb) from authenticated;
grant execute on function gateway._begin_once(text, text), gateway._end_once(text, jsonb) to authenticated;
grant select on gateway.verbs to authenticated;
grant usage on sequence plane.feed_id to authenticated;
grant execute on function
  plane.clock(),
  plane.time_text(timestamptz),
  plane.raise_error(int, text, text, text, jsonb),
  plane.caller_claims(),
  plane.caller_org(),
  plane.caller_key(),
  plane.caller_has_scope(text),
  plane.record_audit(text, text, text, jsonb),
  plane.start_execution(jsonb),
  plane.cancel_execution(uuid),
  plane.signal_execution(uuid, text, jsonb),
  plane.retry_execution(uuid, text[]),
  plane.publish_event(text, jsonb, uuid, text),
  plane.end_external_execution(jsonb),
  plane.record_external_step(jsonb)
to authenticated;

-- What the api verbs share (sql/api/_*.sql): one line each.
grant execute on function
  plane.agent_health(int, timestamptz),
  plane.agent_json(plane.agents),
  plane.find_agent(uuid, text),
  plane.note_agent(uuid),
  plane.state_etag(bigint, timestamptz),
  plane.state_json(plane.state),
  plane.match_state(jsonb),
  plane.write_state(jsonb, plane.state, jsonb, text, boolean),
  plane.merge_json(jsonb, jsonb),
  plane.key_json(plane.api_keys)
to authenticated;
grant execute on function
  plane.find_version(jsonb),
  plane.require_agent(uuid, text),
  plane.version_json(plane.workflows, plane.workflow_versions, boolean),
  plane.find_execution(text),
  plane.event_json(plane.checkpoints, plane.events),
  plane.find_step(plane.executions, text),
  plane.execution_status(plane.executions),
  plane.execution_json(plane.executions, boolean),
  plane.known_cost(plane.executions),
  plane.waiting_for(plane.executions),
  plane.with_money(jsonb),
  plane.step_kind(plane.executions, text),
  plane.step_duration(plane.checkpoints),
  plane.step_begun(plane.executions, text),
  plane.timed_step(jsonb, timestamptz),
  plane.step_json(plane.checkpoints),
  plane.step_rows(plane.executions, jsonb, text, int),
  plane.require_external(plane.executions),
  plane.require_running(plane.executions),
  plane.require_signaller(),
  plane.spending(timestamptz, timestamptz)
to authenticated;

grant select on plane.organisations to authenticated;
grant select, insert, update on plane.api_keys to authenticated;
grant select, insert, update on plane.idempotency to authenticated;
grant select, insert on plane.audit_entries to authenticated;
grant select, insert, update on plane.agents to authenticated;
grant select, insert, update, delete on plane.state to authenticated;
grant select, insert, update on plane.workflows to authenticated;
grant select, insert on plane.workflow_versions to authenticated;
grant select on plane.executions to authenticated;
grant select on plane.frames to authenticated;
grant select on plane.checkpoints to authenticated;
grant select on plane.waits to authenticated;
grant select on plane.signals to authenticated;
grant select on plane.payloads to authenticated;
grant select, insert on plane.events to authenticated;

-- Runners: the kernel verbs, no tables.
grant usage on schema plane, gateway, api to plane_runner;
grant execute on function
  plane.raise_error(int, text, text, text, jsonb),
  plane.claim(jsonb),
  plane.checkpoint(jsonb),
  plane.extend_lease(jsonb),
  plane.load_records(jsonb),
  plane.act(jsonb),
  plane._begin_act(jsonb),
  plane.report_dead(jsonb),
  plane.report_owner_dead(jsonb),
  plane.sweep(jsonb),
  plane.get_violations(jsonb)
to plane_runner;

-- The kernel's functions run as this role.
grant execute on all functions in schema plane to plane_kernel;
grant usage on sequence plane.feed_id to plane_kernel;
grant select on plane.workflows, plane.workflow_versions to plane_kernel;
grant select, insert, update, delete
  on plane.executions, plane.frames, plane.checkpoints, plane.waits, plane.signals, plane.payloads, plane.events
to plane_kernel;
grant select, update, delete on plane.state, plane.idempotency to plane_kernel; -- update: to lock what is deleted
grant select on plane.violations to plane_kernel;
grant insert on plane.audit_entries to plane_kernel;
revoke create on schema plane from plane_kernel;

-- The gateway's functions run as this role.
grant usage on schema plane to plane_gateway;
grant execute on function plane.clock(), plane.raise_error(int, text, text, text, jsonb) to plane_gateway;
grant select on gateway.verbs to plane_gateway;
grant select, insert on plane.organisations to plane_gateway;
grant select, insert, update on plane.api_keys to plane_gateway;
grant insert on plane.audit_entries to plane_gateway;
revoke create on schema gateway from plane_gateway;

reset check_function_bodies;
