-- What a member of an organisation may do, by role. Each role has what the one before it has, and more.
-- functions/shared/auth/keys.py names the same scopes; a test compares them.
create function plane.role_scopes(p_role text)
returns text[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
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
$$;
