-- api      functions only, the one schema that PostgREST exposes: who may
-- gateway  keys, verbs, idempotency: who is calling
-- plane    tables and the kernel: what happens
create schema api;
create schema gateway;
create schema plane;

revoke all on schema api, gateway, plane from public;

-- The global form: the one per schema has no effect.
alter default privileges revoke execute on functions from public;
