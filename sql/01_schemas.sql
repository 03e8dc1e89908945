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
grant create, usage on schema plane to plane_kernel, plane_auditor;
grant create, usage on schema gateway to plane_gateway, plane_eraser;
