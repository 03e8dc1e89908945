-- How much of something an organisation used on a day. Written by plane.meter_usage and plane.measure_storage alone.
create table plane.usage_days (
  org_id uuid not null references plane.organisations on delete cascade,
  day    date not null,                                  -- UTC
  metric text not null,
    -- counted: requests · executions · steps · model_calls · input_tokens · output_tokens · cost_usd (of known prices)
    --          unknown_costs (calls with an unknown price) · handoffs
    -- measured, the day's highest: state_entries · state_bytes · agents · workflows
  value  numeric not null default 0,
  primary key (org_id, day, metric),
  constraint usage_days_metric_is_known check (metric in (
    'requests', 'executions', 'steps', 'model_calls', 'input_tokens', 'output_tokens', 'cost_usd', 'unknown_costs', 'handoffs',
    'state_entries', 'state_bytes', 'agents', 'workflows'))
);

-- Access
alter table plane.usage_days enable row level security;
alter table plane.usage_days force row level security;

create policy "callers read their usage" on plane.usage_days
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "the kernel counts usage" on plane.usage_days
  for all to plane_kernel
  using (true)
  with check (true);
