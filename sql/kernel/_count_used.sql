-- What an organisation has of something, counted up to p_most. Null: there is no such thing, or it is measured and not counted.
-- As the caller, in its own organisation, or as the kernel, which sees what executions and state need.
-- uses: the index of each table that begins with org_id
create function plane._count_used(p_org_id uuid, p_name text, p_most bigint)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
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
$$;
