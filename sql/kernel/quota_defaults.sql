-- How much an organisation may have of each thing when nobody set another limit; null: as much as it likes.
-- The owner of the database changes them for all: `alter database … set plane.quotas = '{"agents": 50, "executions_per_day": 10000}'`.
create function plane.quota_defaults()
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return '{
    "agents": 2000, "keys": 1000, "members": 1000, "workflows": 2000, "state_entries": null, "state_bytes": null, "memories": null,
    "executions_per_day": null, "concurrent_executions": null, "webhooks": 100, "hooks": 500, "event_triggers": 500, "schedules": 500,
    "budgets": 200, "rate_limits": 1000
  }'::jsonb || coalesce(nullif(current_setting('plane.quotas', true), ''), '{}')::jsonb;
end;
$$;
